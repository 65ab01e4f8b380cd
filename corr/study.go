package corr

// Study returns study k that [Scenario.Simulate] draws with the seed: the same
// people under condition 1 and condition 2. It panics if the scenario does not
// pass [Scenario.Check].
func (s Scenario) Study(seed uint64, k int) [2]Data {
	if l := s.Check(); l.Err() != nil {
		panic("corr: " + l.Error())
	}
	c, rng := s.study(s.People), newStream()
	rng.at(seed, forSimulation, k)
	s.draw(c, rng)
	return *c
}
