// Package crossover analyses a randomised crossover trial of a drug's effect
// on regional perfusion: from the statistical analysis plan and the dataset's
// tables to models, contrasts and the evidence for or against each claim.
//
// [ParsePlan] reads a plan; [NewTrial] finds out who was scanned when, under
// which treatment and in which phase; [Analyse] fits the plan's models to
// regional values; [Trial.FitMaps] does the same at every voxel. Nothing here
// opens a file.
//
// # Words
//
// A treatment is what was randomised (placebo, naltrexone); a period is the
// first or second visit; a sequence is the order of treatments; a phase is a
// time within a visit (baseline, infusion). The phase effect is what happens
// between baseline and a later phase: the effect of the drug given in between.
package crossover
