package cli

type demoCmd struct{}
