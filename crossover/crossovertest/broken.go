package crossovertest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A Case is a trial that is broken in one way, and the fault that must be
// named, as one of severity error.
type Case struct {
	Name  string
	Plan  string                 // text of the plan
	Break func(dir string) error // breaks the dataset in dir, which was sound; nil if the plan is broken
	File  string                 // file the fault is in; PlanFile stands for the plan
	Field string                 // "" if any will do
	Found string                 // text within what was found
	Fix   string                 // text within the fix; "" if any will do
}

// PlanFile is the name under which cases know the plan.
const PlanFile = "plan.toml"

// Write writes the case's dataset into dir and its plan into planPath.
func (c Case) Write(dir, planPath string) error {
	if err := Base().Write(dir); err != nil {
		return err
	}
	if c.Break != nil {
		if err := c.Break(dir); err != nil {
			return err
		}
	}
	return os.WriteFile(planPath, []byte(c.Plan), 0o666)
}

// Broken returns the broken trials, no two broken alike.
func Broken() []Case {
	out := slices.Concat(planTextCases(), planValueCases(), planReceptorCases())
	out = append(out, participantCases()...)
	out = append(out, sessionCases()...)
	out = append(out, scanCases()...)
	return append(out, designCases()...)
}

// changed is the sound plan with one text replaced.
func changed(old, new string) string {
	if !strings.Contains(Plan, old) {
		panic("crossovertest: the plan does not hold " + old)
	}
	return strings.Replace(Plan, old, new, 1)
}

func badPlan(name, text, field, found, fix string) Case {
	return Case{Name: name, Plan: text, File: PlanFile, Field: field, Found: found, Fix: fix}
}

// with adds a table to the sound plan.
func with(text string) string { return Plan + "\n" + text + "\n" }

// association is a sound [[association]] with more lines.
func association(more string) string {
	return "[[association]]\nregion = \"sgACC\"\ninstrument = \"psi\"\n" + more + "\n"
}

func planTextCases() []Case {
	return []Case{
		badPlan("plan not TOML", "title = \n", "", "line 1", ""),
		badPlan("plan with a key twice", "seed = 1\nseed = 2\n", "", "line 2", ""),
		badPlan("plan not UTF-8", "title = \"\xff\xfe\"\n", "", "not UTF-8", "UTF-8"),
		badPlan("plan is a table of values", "participant_id\tage\nsub-01\t30\n", "", "not TOML", ""),
		badPlan("plan too large", "# "+strings.Repeat("x", 300<<10), "", "larger than", ""),
		badPlan("comma for a decimal point", changed("margin = 50", "margin = 8,5"), "", "not TOML", "8.5"),
		badPlan("curly quotation marks", changed("\"ketamine\"", "“ketamine”"), "", "not TOML", "straight quotation marks"),
		badPlan("text without quotation marks", changed("\"ketamine\"", "ketamine"), "", "not TOML", "\"ketamine\""),
		badPlan("true with a capital", with("[maps]\nvoxelwise = True"), "", "not TOML", "write true"),
		badPlan("unknown key", changed("seed = 7", "sede = 7"), "sede", `line 2: there is no key "sede"; the nearest is "seed"`, "seed"),
		badPlan("unknown key in a table", changed("reference =", "referense ="), "trial.referense", `line 7: there is no key "referense"`, "reference"),
		badPlan("unknown table", with("[equivalance]\nmargin = 5"), "equivalance", "no key", "equivalence"),
		badPlan("key in the wrong table", changed("margin = 50", "formula = \"cbf ~ 1\""), "equivalence.formula", "no key", "[model]"),
		badPlan("key with capitals", changed("challenge =", "Challenge ="), "trial.Challenge", "no key", "challenge"),
		badPlan("unknown key in a contrast", with("[[contrast]]\nname = \"c\"\nweights = \"phaseinfusion\"\nweigths = \"x\""), "contrast[0].weigths", "no key", "weights"),
		badPlan("contrast as one table", with("[contrast]\nname = \"c\""), "contrast", "a list of tables", "[[contrast]]"),
		badPlan("receptors as a list of tables", with("[[receptors]]\npanel = [\"MOR\"]"), "receptors", "where a table belongs", "[receptors]"),
		badPlan("table as a value", "trial = \"crossover\"\n", "trial", "where a table belongs", "[trial]"),
	}
}

func planReceptorCases() []Case {
	receptors := func(line string) string { return with("[receptors]\n" + line) }
	return []Case{
		badPlan("receptor key unknown", receptors("panle = []"), "receptors.panle", "no key", "panel"),
		badPlan("receptor panel empty", receptors("panel = []"), "receptors.panel", "empty", "remove the table"),
		badPlan("receptor panel as text", receptors(`panel = "MOR"`), "receptors.panel", "not a list", `["MOR"]`),
		badPlan("receptor target twice", receptors(`panel = ["MOR", "mor"]`), "receptors.panel", "case", ""),
		badPlan("receptor measure a model", receptors(`measure = "global-adjusted"`), "receptors.measure", "a model", "relative"),
		badPlan("receptor covariate unknown", receptors(`adjust = ["basline"]`), "receptors.adjust", "basline", "baseline"),
		badPlan("receptor method unknown", receptors(`method = "kendall"`), "receptors.method", "kendall", "spearman"),
		badPlan("receptor null unknown", receptors(`null = "brainsmahs"`), "receptors.null", "brainsmahs", "brainsmash"),
		badPlan("receptor surrogates few", receptors("surrogates = 10"), "receptors.surrogates", "too few", "5000"),
		badPlan("receptor distance negative", receptors("apart = -1"), "receptors.apart", "-1 mm", "40"),
	}
}

func planValueCases() []Case {
	model := func(line string) string { return changed("[model]", "[model]\n"+line) }
	equal := func(line string) string { return changed("margin = 50", line) }
	trial := func(line string) string { return changed("challenge = \"ketamine\"", line) }
	return []Case{
		badPlan("title a number", changed(`"Eight people"`, "8"), "title", "8 is not text", "quotation"),
		badPlan("title a date", changed(`"Eight people"`, "2021-03-05"), "title", "date", "quotation"),
		badPlan("seed negative", changed("seed = 7", "seed = -7"), "seed", "-7", "whole number"),
		badPlan("seed a fraction", changed("seed = 7", "seed = 0.5"), "seed", "0.5", "whole number"),
		badPlan("seed as text", changed("seed = 7", `seed = "7"`), "seed", `"7"`, "whole number"),
		badPlan("measure unknown", changed(`"relative"]`, `"realtive"]`), "measures", "realtive", "relative"),
		badPlan("measure twice", changed(`"relative"]`, `"absolute"]`), "measures", "twice", ""),
		badPlan("measures empty", changed(`["absolute", "relative"]`, "[]"), "measures", "empty", ""),
		badPlan("measures as text", changed(`["absolute", "relative"]`, `"absolute"`), "measures", "not a list", `["absolute"]`),
		badPlan("measures of numbers", changed(`["absolute", "relative"]`, "[1, 2]"), "measures", "element 1", ""),
		badPlan("reference not a treatment", changed(`reference = "placebo"`, `reference = "plaecbo"`), "trial.reference", "plaecbo", "placebo"),
		badPlan("treatment twice", changed(`"naltrexone"]`, `"placebo"]`), "trial.treatments", "twice", ""),
		badPlan("treatments by case", changed(`"naltrexone"]`, `"Placebo"]`), "trial.treatments", "case", ""),
		badPlan("one treatment", changed(`["placebo", "naltrexone"]`, `["placebo"]`), "trial.treatments", "only one", ""),
		badPlan("treatment empty", changed(`"naltrexone"]`, `""]`), "trial.treatments", "empty", ""),
		badPlan("treatment with blanks", changed(`"naltrexone"]`, `"naltrexone "]`), "trial.treatments", "blanks", "naltrexone"),
		badPlan("treatment with a colon", changed(`"naltrexone"]`, `"drug:naltrexone"]`), "trial.treatments", "formulas", ""),
		badPlan("one phase", changed(`["baseline", "infusion"]`, `["baseline"]`), "trial.phases", "only one", ""),
		badPlan("column empty", trial(`phase_column = ""`), "trial.phase_column", "empty", ""),
		badPlan("two columns of one name", trial(`phase_column = "treatment"`), "trial.phase_column", "treatment_column", ""),
		badPlan("level 95", model("level = 95"), "model.level", "95 is not a level", "0.95"),
		badPlan("level as text", model(`level = "95 %"`), "model.level", "not a number", ""),
		badPlan("level infinite", model("level = inf"), "model.level", "not a number", ""),
		badPlan("ddf unknown", model(`ddf = "kenward-rogers"`), "model.ddf", "kenward-rogers", "kenward-roger"),
		badPlan("log as text", model(`log = "yes"`), "model.log", "not true or false", ""),
		badPlan("formula does not parse", model(`formula = "cbf ~ treatment*phase + (1|subject"`), "model.formula", `")" is expected`, "parenthesis"),
		badPlan("formula of another response", model(`formula = "log(cbf) ~ treatment*phase + (1|subject)"`), "model.formula", "not cbf", "log = true"),
		badPlan("formula without phase", model(`formula = "cbf ~ treatment + (1|subject)"`), "model.formula", "does not name phase", "phase"),
		badPlan("formula without random effects", model(`formula = "cbf ~ treatment*phase"`), "model.formula", "no random effect", "(1|subject)"),
		badPlan("covariate of the model", changed(`["age"]`, `["age", "period"]`), "model.covariates", "variable of the model", ""),
		badPlan("covariate twice", changed(`["age"]`, `["age", "age"]`), "model.covariates", "twice", ""),
		badPlan("alpha 0.7", equal("alpha = 0.7"), "equivalence.alpha", "0.7", ""),
		badPlan("alpha 5", equal("alpha = 5"), "equivalence.alpha", "5", "0.05"),
		badPlan("margin negative", equal("margin = -10"), "equivalence.margin", "-10", ""),
		badPlan("margin as a share", equal("margin = 0.1"), "equivalence.margin", "too small", "10"),
		badPlan("margin of 100 percent", equal("margin = 100"), "equivalence.margin", "complete loss", "50"),
		badPlan("margin in no unit", equal(`unit = "ml"`), "equivalence.unit", "ml", "percent"),
		badPlan("margin in one unit for two", equal(`unit = "absolute"`), "equivalence.unit", "cannot serve relative CBF", "effect"),
		badPlan("margin in a unit for ratios", strings.Replace(equal(`unit = "absolute"`), "[model]", "[model]\nlog = true", 1), "equivalence.unit", "ratios", "effect"),
		badPlan("margin nan", equal("margin = nan"), "equivalence.margin", "not a number", ""),
		badPlan("Bayes scale zero", with("[bayes]\nscale = 0"), "bayes.scale", "0 is not", "0.707"),
		badPlan("multiplicity unknown", with("[multiplicity]\nmethod = \"bonferoni\""), "multiplicity.method", "bonferoni", "holm"),
		badPlan("smoothing negative", with("[maps]\nfwhm = -8"), "maps.fwhm", "-8", ""),
		badPlan("quality limits crossed", with("[quality]\nmin_gm_cbf = 80\nmax_gm_cbf = 20"), "quality.min_gm_cbf", "not below", ""),
		badPlan("motion limit zero", with("[quality]\nmax_fd_mean = 0"), "quality.max_fd_mean", "every scan", ""),
		badPlan("region twice", changed(`"pgACC"]`, `"sgACC"]`), "regions.primary", "twice", ""),
		badPlan("global region primary", changed(`"pgACC"]`, `"global_gm"]`), "regions.primary", "regions.global", ""),
		badPlan("contrasts of one name", with("[[contrast]]\nname = \"c\"\nweights = \"phaseinfusion\"\n[[contrast]]\nname = \"c\"\nweights = \"phaseinfusion\""), "contrast[1].name", "twice", ""),
		badPlan("contrast named as a standard one", with("[[contrast]]\nname = \"interaction\"\nweights = \"phaseinfusion\""), "contrast[0].name", "standard", ""),
		badPlan("contrast without weights", with("[[contrast]]\nname = \"c\""), "contrast[0].weights", "no weights", ""),
		badPlan("contrast of numbers", with("[[contrast]]\nname = \"c\"\nweights = \"1 -1\""), "contrast[0].weights", "no coefficient", ""),
		badPlan("association without a region", with("[[association]]\ninstrument = \"psi\""), "association[0].region", "empty", "name"),
		badPlan("association without an instrument", with("[[association]]\nregion = \"sgACC\""), "association[0].instrument", "empty", "name"),
		badPlan("association of an unknown measure", with(association("measure = \"relativ\"")), "association[0].measure", "relativ", "relative"),
		badPlan("association of a model", with(association("measure = \"global-adjusted\"")), "association[0].measure", "is a model", "adjust"),
		badPlan("association in an unknown phase", with(association("phase = \"infuson\"")), "association[0].phase", "not a phase", "infusion"),
		badPlan("association under an unknown treatment", with(association("within = \"placbo\"")), "association[0].within", "not a treatment", "placebo"),
		badPlan("association adjusted for itself", with(association("adjust = [\"baseline\"]")), "association[0].adjust", "adjusted for itself", "later phase"),
		badPlan("association doubly adjusted", with(association("measure = \"relative\"\nadjust = [\"global\"]")), "association[0].adjust", "divided by global CBF", ""),
		badPlan("association of a change from nowhere", with(association("change = \"percent\"")), "association[0].change_from", "second visit", "baseline"),
		badPlan("association of a change to itself", with(association("change = \"percent\"\nvisit = \"day1\"\nchange_from = \"day1\"")), "association[0].change_from", "to itself", ""),
		badPlan("association with a visit that nothing uses", with(association("change_from = \"day1\"")), "association[0].change_from", "nothing uses", ""),
		badPlan("association with a side of no name", with(association("side = \"greater\"")), "association[0].side", "greater", "positive"),
		badPlan("association twice", with(association("")+association("")), "association[1].region", "twice", ""),
		badPlan("associations by an unknown method", with("[associations]\nmethod = \"peerson\""), "associations.method", "peerson", "pearson"),
		badPlan("too few permutations", with("[associations]\npermutations = 10"), "associations.permutations", "too few", "10000"),
		badPlan("exclusion without reason", with("[[exclude]]\nsubject = \"01\""), "exclude[0].reason", "reason", ""),
		badPlan("exclusion of everything", with("[[exclude]]\nreason = \"why not\""), "exclude[0].subject", "everything", ""),
		badPlan("exclusion of an unknown phase", with("[[exclude]]\nphase = \"infuson\"\nreason = \"r\""), "exclude[0].phase", "infuson", "infusion"),
	}
}

// edit returns a function that replaces text in one file of a dataset.
func edit(file, old, new string) func(dir string) error {
	return func(dir string) error {
		path := filepath.Join(dir, filepath.FromSlash(file))
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if !bytes.Contains(data, []byte(old)) {
			return fmt.Errorf("crossovertest: %s does not hold %q", file, old)
		}
		return os.WriteFile(path, bytes.Replace(data, []byte(old), []byte(new), 1), 0o666)
	}
}

// everywhere edits a file of each person; SUB stands for the label in all
// three texts.
func everywhere(file, old, new string) func(dir string) error {
	return func(dir string) error {
		for i := 1; i <= People; i++ {
			r := strings.NewReplacer("SUB", fmt.Sprintf("sub-%02d", i))
			if err := edit(r.Replace(file), r.Replace(old), r.Replace(new))(dir); err != nil {
				return err
			}
		}
		return nil
	}
}

func all(steps ...func(dir string) error) func(dir string) error {
	return func(dir string) error {
		for _, s := range steps {
			if err := s(dir); err != nil {
				return err
			}
		}
		return nil
	}
}

func remove(files ...string) func(dir string) error {
	return func(dir string) error {
		for _, f := range files {
			if err := os.Remove(filepath.Join(dir, filepath.FromSlash(f))); err != nil {
				return err
			}
		}
		return nil
	}
}

// Files of the dataset that cases break.
const (
	participants = "participants.tsv"
	sessions1    = "sub-01/sub-01_sessions.tsv"
	sessions3    = "sub-03/sub-03_sessions.tsv"
	scans11      = "sub-01/ses-1/sub-01_ses-1_scans.tsv"
	scans12      = "sub-01/ses-2/sub-01_ses-2_scans.tsv"
	allSessions  = "SUB/SUB_sessions.tsv"
)

func badTable(name string, change func(dir string) error, file, field, found, fix string) Case {
	return Case{Name: name, Plan: Plan, Break: change, File: file, Field: field, Found: found, Fix: fix}
}

func participantCases() []Case {
	withCovariate := func(c Case, name string) Case {
		c.Plan = changed(`["age"]`, fmt.Sprintf("[%q]", name))
		return c
	}
	age := func(value string) func(string) error {
		return func(dir string) error {
			for i := 1; i <= People; i++ {
				if err := edit(participants, fmt.Sprintf("\t%d\t", 20+3*i), "\t"+value+"\t")(dir); err != nil {
					return err
				}
			}
			return nil
		}
	}
	return []Case{
		badTable("scans of a subject not in participants", edit(participants, "sub-05\tAB\t35\tF\n", ""), participants, "participant_id", "sub-05 has scans but no row", "sub-05"),
		badTable("subject misspelt in participants", edit(participants, "sub-05", "sub-5"), participants, "participant_id", "sub-05 has scans but no row", "in place of sub-5"),
		badTable("participant twice", edit(participants, "sub-02\tBA", "sub-01\tBA"), participants, "participant_id", "twice", ""),
		badTable("participants without labels", edit(participants, "participant_id", "id"), participants, "participant_id", "no such column", ""),
		badTable("sequence against visits", edit(participants, "sub-03\tAB", "sub-03\tBA"), participants, "sequence", "sub-03 has BA", ""),
		badTable("sequence in two spellings", edit(participants, "sub-03\tAB", "sub-03\tab"), participants, "sequence", `differs from "AB"`, `"AB"`),
		badTable("two codes of one sequence", edit(participants, "sub-03\tAB", "sub-03\tA-B"), participants, "sequence", "both stand for", ""),
		badTable("covariate misspelt", nil, PlanFile, "model.covariates", "agee", "age").plan(changed(`["age"]`, `["agee"]`)),
		badTable("covariate not a number", edit(participants, "\t29\t", "\ttwentynine\t"), participants, "age", "twentynine", "number"),
		badTable("covariate with decimal comma", edit(participants, "\t29\t", "\t29,5\t"), participants, "age", "29,5", "29.5"),
		badTable("covariate constant", age("30"), participants, "age", "every scan", "take it out"),
		badTable("covariate missing for everybody", age("n/a"), PlanFile, "model.covariates", "missing for everybody", ""),
		withCovariate(badTable("covariate in two spellings", edit(participants, "\tF\n", "\tf\n"), participants, "sex", `differs from "F"`, `"F"`), "sex"),
		withCovariate(badTable("covariate that names people", edit(participants, "participant_id\tsequence\tage\tsex\n", "participant_id\tsequence\tage\tname\n"), PlanFile, "model.covariates", "sex", ""), "sex"),
		withCovariate(badTable("covariate that is the design", nil, PlanFile, "model.covariates", "design itself", ""), "acq_time"),
		badTable("treatment in participants", all(edit(participants, "\tsequence\t", "\ttreatment\t"), everywhere(allSessions, "treatment", "drug")), participants, "treatment", "everybody has every treatment", "sessions.tsv"),
	}
}

// plan returns the case with another plan.
func (c Case) plan(text string) Case { c.Plan = text; return c }

func sessionCases() []Case {
	return []Case{
		badTable("treatment misspelt", edit(sessions1, "placebo", "placbo"), sessions1, "treatment", `"placbo"`, "write placebo"),
		badTable("treatment with a capital", edit(sessions1, "placebo", "Placebo"), sessions1, "treatment", "case or blanks", `"placebo"`),
		badTable("treatment with a blank", edit(sessions1, "placebo", "placebo "), sessions1, "treatment", "case or blanks", `"placebo"`),
		badTable("treatment not planned", edit(sessions1, "placebo", "midazolam"), sessions1, "treatment", `"midazolam"`, "[[exclude]]"),
		badTable("treatment in only one session", edit(sessions1, "placebo", "midazolam"), sessions1, "treatment", "one session only", "").plan(""),
		badTable("treatments spelt almost alike", all(edit(sessions1, "placebo", "placbo"), edit(sessions3, "placebo", "placbo")), sessions1, "treatment", "almost alike", "").plan(""),
		badTable("treatment missing", edit(sessions1, "\tplacebo\t", "\tn/a\t"), sessions1, "treatment", "no treatment", "[[exclude]]"),
		badTable("session without row", edit(sessions1, "ses-2\tnaltrexone\t2021-03-11T09:30:00\n", ""), sessions1, "treatment", "no row", "ses-2"),
		badTable("no sessions table", remove(sessions1), sessions1, "treatment", "no row", ""),
		badTable("sessions without labels", edit(sessions1, "session_id", "ses"), sessions1, "session_id", "no such column", ""),
		badTable("session twice", edit(sessions1, "ses-2\t", "ses-1\t"), sessions1, "session_id", "twice", ""),
		badTable("treatment column of another name", everywhere(allSessions, "treatment", "treatmnt"), sessions1, "treatment", "nothing tells", "treatmnt"),
		badTable("treatment column of the plan absent", nil, PlanFile, "trial.treatment_column", `no table has a column "drug"`, "").plan(changed(`challenge = "ketamine"`, `treatment_column = "drug"`)),
		badTable("every session under one treatment", everywhere(allSessions, "naltrexone", "placebo"), PlanFile, "trial.treatments", `no session is under "naltrexone"`, ""),
		badTable("treatment misspelt in the plan", nil, PlanFile, "trial.treatments", `no table has; 8 rows have the treatment "naltrexone"`, "in the plan").plan(changed(`"naltrexone"]`, `"naltrexne"]`)),
		badTable("one treatment and no plan", everywhere(allSessions, "naltrexone", "placebo"), sessions1, "treatment", "every session is under", "").plan(""),
		badTable("both sessions under one treatment", edit(sessions1, "naltrexone", "placebo"), sessions1, "treatment", "both under placebo", "[[exclude]]"),
		badTable("three sessions", thirdSession("placebo"), sessions1, "treatment", "it has 3 sessions", "[[exclude]]"),
		badTable("third session not planned", thirdSession("screening"), sessions1, "treatment", `"screening"`, "[[exclude]]"),
		badTable("treatment of session and scans differ", all(edit(scans11, "phase\n", "phase\ttreatment\n"), edit(scans11, "baseline\n", "baseline\tnaltrexone\n"), edit(scans11, "infusion\n", "infusion\tn/a\n")), scans11, "treatment", `"naltrexone" here and "placebo"`, ""),
		badTable("reference not in the tables", nil, PlanFile, "trial.reference", `no session is under "plcebo"`, "placebo").plan("[trial]\nreference = \"plcebo\"\n"),
		badTable("period against time", periods("2", "1"), sessions1, "period", "earlier", ""),
		badTable("period no number", periods("first", "second"), sessions1, "period", `"first"`, "1 to 2"),
		badTable("period too large", periods("1", "3"), sessions1, "period", `"3"`, "1 to 2"),
		badTable("period twice", periods("1", "1"), sessions1, "period", "both period 1", ""),
		badTable("period missing", periods("1", "n/a"), sessions1, "period", "no period", ""),
		badTable("times in two forms", edit(sessions1, "2021-03-11T09:30:00", "2021-03-11T09:30:00Z"), sessions1, "acq_time", "cannot be compared", ""),
		badTable("time of another country", edit(sessions1, "2021-03-11T09:30:00", "11/03/2021 9:30"), sessions1, "acq_time", "11/03/2021", "2021-03-05T10:00:00"),
		badTable("one date shifted", edit(sessions1, "2021-03-11", "1911-03-11"), sessions1, "acq_time", "one is shifted", "alike"),
		badTable("sessions at the same time", edit(sessions1, "2021-03-11", "2021-03-01"), sessions1, "acq_time", "same time", ""),
		badTable("sessions and scans dated apart", edit(sessions1, "2021-03-11", "2021-05-11"), sessions1, "acq_time", "its scans", ""),
		badTable("nothing tells the order of one person", all(edit(participants, "sub-01\tAB", "sub-01\tn/a"), edit(sessions1, "2021-03-01T09:30:00", "n/a"), edit(scans11, "2021-03-01T10:00:00", "n/a"), edit(scans11, "2021-03-01T11:00:00", "n/a"),
			relabelSession("sub-01", "1", "first")), sessions1, "period", "cannot be told", "period"),
	}
}

// periods gives each session a period, of which those of sub-01 are wrong.
func periods(first, second string) func(dir string) error {
	return func(dir string) error {
		err := everywhere(allSessions, "acq_time\n", "acq_time\tperiod\n")(dir)
		for i := 1; i <= People && err == nil; i++ {
			a, b := "1", "2"
			if i == 1 {
				a, b = first, second
			}
			file := fmt.Sprintf("sub-%02d/sub-%02d_sessions.tsv", i, i)
			err = all(edit(file, fmt.Sprintf("2021-03-%02dT09:30:00\n", i), fmt.Sprintf("2021-03-%02dT09:30:00\t%s\n", i, a)),
				edit(file, fmt.Sprintf("2021-03-%02dT09:30:00\n", i+10), fmt.Sprintf("2021-03-%02dT09:30:00\t%s\n", i+10, b)))(dir)
		}
		return err
	}
}

// relabelSession renames a session and all that it holds.
func relabelSession(sub, from, to string) func(dir string) error {
	return func(dir string) error {
		old, now := sub+"_ses-"+from+"_", sub+"_ses-"+to+"_"
		if err := os.Rename(filepath.Join(dir, sub, "ses-"+from), filepath.Join(dir, sub, "ses-"+to)); err != nil {
			return err
		}
		for _, folder := range []string{"", "perf"} {
			entries, err := os.ReadDir(filepath.Join(dir, sub, "ses-"+to, folder))
			if err != nil {
				return err
			}
			for _, e := range entries {
				at := func(name string) string { return filepath.Join(dir, sub, "ses-"+to, folder, name) }
				if e.IsDir() {
					continue
				}
				if err := os.Rename(at(e.Name()), at(strings.Replace(e.Name(), old, now, 1))); err != nil {
					return err
				}
			}
		}
		scans := sub + "/ses-" + to + "/" + now + "scans.tsv"
		return all(edit(scans, old, now), edit(scans, old, now),
			edit(sub+"/"+sub+"_sessions.tsv", "ses-"+from+"\t", "ses-"+to+"\t"))(dir)
	}
}

// thirdSession adds a session to sub-01.
func thirdSession(treatment string) func(dir string) error {
	return func(dir string) error {
		d := Base()
		for path, data := range d {
			if !strings.HasPrefix(path, "sub-01/ses-2/") {
				continue
			}
			to := filepath.Join(dir, filepath.FromSlash(strings.ReplaceAll(path, "ses-2", "ses-3")))
			if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
				return err
			}
			data = bytes.ReplaceAll(bytes.ReplaceAll(data, []byte("ses-2"), []byte("ses-3")), []byte("2021-03-11"), []byte("2021-03-21"))
			if err := os.WriteFile(to, data, 0o666); err != nil {
				return err
			}
		}
		return edit(sessions1, "09:30:00\nses-2", "09:30:00\nses-3\t"+treatment+"\t2021-03-21T09:30:00\nses-2")(dir)
	}
}

func scanCases() []Case {
	return []Case{
		badTable("phase misspelt", edit(scans11, "\tinfusion\n", "\tinfuson\n"), scans11, "phase", `"infuson"`, "infusion"),
		badTable("phase with a capital", edit(scans11, "\tbaseline\n", "\tBaseline\n"), scans11, "phase", "case or blanks", `"baseline"`),
		badTable("phase not planned", edit(scans11, "\tinfusion\n", "\trecovery\n"), scans11, "phase", `"recovery"`, "[[exclude]]"),
		badTable("phase missing", edit(scans11, "\tinfusion\n", "\tn/a\n"), scans11, "phase", "no phase", ""),
		badTable("phase of one scan", edit(scans11, "\tinfusion\n", "\trecovery\n"), scans11, "phase", "one scan only", "").plan(""),
		badTable("phases swapped against time", all(edit(scans11, "\tbaseline\n", "\tx\n"), edit(scans11, "\tinfusion\n", "\tbaseline\n"), edit(scans11, "\tx\n", "\tinfusion\n")), scans11, "acq_time", "before the baseline scan", ""),
		badTable("scan duplicated", duplicateScan("baseline"), "sub-01/ses-1/perf/sub-01_ses-1_run-3_asl.nii.gz", "phase", "sub-01_ses-1_run-1_asl.nii.gz", "[[exclude]]"),
		badTable("row for a file that is not there", edit(scans11, "run-2_asl", "run-9_asl"), scans11, "filename", "run-9", ""),
		badTable("scan twice in scans.tsv", edit(scans11, "run-2_asl", "run-1_asl"), scans11, "filename", "twice", ""),
		badTable("phase column of the plan absent", nil, PlanFile, "trial.phase_column", `no table has a column "stage"`, "").plan(changed(`challenge = "ketamine"`, `phase_column = "stage"`)),
		badTable("phase column of another name", phaseColumn("phse"), scans11, "phase", "nothing tells the phase", "phse").plan(""),
		badTable("no phase column and three runs", all(phaseColumn("stage"), duplicateScan("baseline")), scans11, "phase", "3 scans where the plan has 2 phases", ""),
		badTable("no scans of a phase", nil, PlanFile, "trial.phases", `no scan is of the phase "recovery"`, "").plan(changed(`"infusion"]`, `"infusion", "recovery"]`)),
		badTable("exclusion of a subject that is not there", nil, PlanFile, "exclude[0]", "no scan is sub-11", "").plan(with("[[exclude]]\nsubject = \"11\"\nreason = \"r\"")),
		badTable("exclusion of a run that is not there", nil, PlanFile, "exclude[0]", "no scan is sub-01, run-7", "").plan(with("[[exclude]]\nsubject = \"01\"\nrun = \"7\"\nreason = \"r\"")),
		badTable("no ASL scans", removePerf, ".", "", "no ASL scan", ""),
	}
}

// duplicateScan gives the first session of sub-01 a third run.
func duplicateScan(phase string) func(dir string) error {
	return func(dir string) error {
		stem := "sub-01/ses-1/perf/sub-01_ses-1_run-"
		if err := os.WriteFile(filepath.Join(dir, filepath.FromSlash(stem+"3_asl.nii.gz")), Base()[stem+"1_asl.nii.gz"], 0o666); err != nil {
			return err
		}
		return edit(scans11, "\tinfusion\n", "\tinfusion\nperf/sub-01_ses-1_run-3_asl.nii.gz\tn/a\t"+phase+"\n")(dir)
	}
}

// phaseColumn renames the phase column everywhere.
func phaseColumn(name string) func(dir string) error {
	return all(everywhere("SUB/ses-1/SUB_ses-1_scans.tsv", "\tphase\n", "\t"+name+"\n"), everywhere("SUB/ses-2/SUB_ses-2_scans.tsv", "\tphase\n", "\t"+name+"\n"))
}

func removePerf(dir string) error {
	for i := 1; i <= People; i++ {
		for v := 1; v <= 2; v++ {
			sub := fmt.Sprintf("sub-%02d", i)
			ses := filepath.Join(dir, sub, fmt.Sprintf("ses-%d", v))
			if err := os.RemoveAll(filepath.Join(ses, "perf")); err != nil {
				return err
			}
			if err := os.Remove(filepath.Join(ses, fmt.Sprintf("%s_ses-%d_scans.tsv", sub, v))); err != nil {
				return err
			}
		}
	}
	return nil
}

func designCases() []Case {
	swap := func(dir string) error {
		for i := 2; i <= People; i += 2 {
			file := fmt.Sprintf("sub-%02d/sub-%02d_sessions.tsv", i, i)
			if err := all(edit(file, "\tplacebo", "\tx"), edit(file, "\tnaltrexone", "\tplacebo"), edit(file, "\tx", "\tnaltrexone"),
				edit(participants, fmt.Sprintf("sub-%02d\tBA", i), fmt.Sprintf("sub-%02d\tAB", i)))(dir); err != nil {
				return err
			}
		}
		return nil
	}
	// Odd people have naltrexone at their second visit, even ones at their first.
	var exclusions strings.Builder
	for i := 1; i <= People; i++ {
		fmt.Fprintf(&exclusions, "[[exclude]]\nsubject = \"%02d\"\nsession = \"%d\"\nphase = \"infusion\"\nreason = \"r\"\n", i, 1+i%2)
	}
	return []Case{
		badTable("everybody in one sequence", swap, participants, "sequence", "treatment and period cannot be told apart", "formula"),
		badTable("nobody with infusion under naltrexone", nil, sessions1, "phase", "nobody has a scan of the phase infusion under naltrexone", "").plan(with(exclusions.String())),
		badTable("no sessions at all", flatten, "sub-01/perf/sub-01_run-1_asl.nii.gz", "ses", "have no session", "ses-1"),
	}
}

// flatten takes the session folders away: only the first visit is left.
func flatten(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	for path, data := range Base() {
		switch {
		case strings.Contains(path, "/ses-2/"), strings.HasSuffix(path, "_sessions.tsv"):
			continue
		case strings.HasSuffix(path, "_scans.tsv"):
			data = bytes.ReplaceAll(data, []byte("_ses-1"), nil)
		}
		to := strings.ReplaceAll(strings.ReplaceAll(path, "/ses-1", ""), "_ses-1", "")
		full := filepath.Join(dir, filepath.FromSlash(to))
		if err := os.MkdirAll(filepath.Dir(full), 0o777); err != nil {
			return err
		}
		if err := os.WriteFile(full, data, 0o666); err != nil {
			return err
		}
	}
	return nil
}
