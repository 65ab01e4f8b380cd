package crossover

// WritePlanForTest writes a plan as [PlanTemplate] does.
func WritePlanForTest(p *Plan) []byte { return writePlan(p, nil) }
