package report

import "strings"

// works are the references the methods text can cite.
var works = map[string]Reference{
	"alexander2018":     {Text: "Alexander-Bloch AF, Shou H, Liu S, et al. On testing for spatial correspondence between maps of human brain structure and function. NeuroImage 2018;178:540–551.", DOI: "10.1016/j.neuroimage.2018.05.070"},
	"alsop2015":         {Text: "Alsop DC, Detre JA, Golay X, et al. Recommended implementation of arterial spin-labeled perfusion MRI for clinical applications: a consensus of the ISMRM Perfusion Study Group and the European consortium for ASL in dementia. Magn Reson Med 2015;73:102–116.", DOI: "10.1002/mrm.25197"},
	"asllani2008":       {Text: "Asllani I, Borogovac A, Brown TR. Regression algorithm correcting for partial volume effects in arterial spin labeling MRI. Magnetic Resonance in Medicine 2008;60:1362–1371.", DOI: "10.1002/mrm.21670"},
	"avants2008":        {Text: "Avants BB, Epstein CL, Grossman M, Gee JC. Symmetric diffeomorphic image registration with cross-correlation: evaluating automated labeling of elderly and neurodegenerative brain. Med Image Anal 2008;12:26–41.", DOI: "10.1016/j.media.2007.06.004"},
	"azen2003":          {Text: "Azen R, Budescu DV. The dominance analysis approach for comparing predictors in multiple regression. Psychol Methods 2003;8:129–148.", DOI: "10.1037/1082-989X.8.2.129"},
	"benjamini1995":     {Text: "Benjamini Y, Hochberg Y. Controlling the false discovery rate: a practical and powerful approach to multiple testing. J R Stat Soc B 1995;57:289–300.", DOI: "10.1111/j.2517-6161.1995.tb02031.x"},
	"bollen1985":        {Text: "Bollen KA, Jackman RW. Regression diagnostics: an expository treatment of outliers and influential cases. Sociol Methods Res 1985;13:510–542.", DOI: "10.1177/0049124185013004004"},
	"budescu1993":       {Text: "Budescu DV. Dominance analysis: a new approach to the problem of relative importance of predictors in multiple regression. Psychol Bull 1993;114:542–551.", DOI: "10.1037/0033-2909.114.3.542"},
	"burt2020":          {Text: "Burt JB, Helmer M, Shinn M, Anticevic A, Murray JD. Generative modeling of brain maps with spatial autocorrelation. NeuroImage 2020;220:117038.", DOI: "10.1016/j.neuroimage.2020.117038"},
	"buxton1998":        {Text: "Buxton RB, Frank LR, Wong EC, Siewert B, Warach S, Edelman RR. A general kinetic model for quantitative perfusion imaging with arterial spin labeling. Magn Reson Med 1998;40:383–396.", DOI: "10.1002/mrm.1910400308"},
	"cameron2011":       {Text: "Cameron AC, Gelbach JB, Miller DL. Robust inference with multiway clustering. J Bus Econ Stat 2011;29:238–249.", DOI: "10.1198/jbes.2010.07136"},
	"chappell2009":      {Text: "Chappell MA, Groves AR, Whitcher B, Woolrich MW. Variational Bayesian inference for a nonlinear forward model. IEEE Trans Signal Process 2009;57:223–236.", DOI: "10.1109/TSP.2008.2005752"},
	"clement2022":       {Text: "Clement P, Castellaro M, Okell TW, et al. ASL-BIDS, the brain imaging data structure extension for arterial spin labeling. Sci Data 2022;9:543.", DOI: "10.1038/s41597-022-01615-9"},
	"clifford1989":      {Text: "Clifford P, Richardson S, Hémon D. Assessing the significance of the correlation between two spatial processes. Biometrics 1989;45:123–134.", DOI: "10.2307/2532039"},
	"cook1977":          {Text: "Cook RD. Detection of influential observation in linear regression. Technometrics 1977;19:15–18.", DOI: "10.1080/00401706.1977.10489493"},
	"cressie1985":       {Text: "Cressie N. Fitting variogram models by weighted least squares. Math Geol 1985;17:563–586.", DOI: "10.1007/BF01032109"},
	"dai2008":           {Text: "Dai W, Garcia D, de Bazelaire C, Alsop DC. Continuous flow-driven inversion for arterial spin labeling using pulsed radio frequency and gradient fields. Magn Reson Med 2008;60:1488–1497.", DOI: "10.1002/mrm.21790"},
	"dolui2024":         {Text: "Dolui S, Wang Z, Wolf RL, et al. Automated quality evaluation index for arterial spin labeling derived cerebral blood flow maps. J Magn Reson Imaging 2024.", DOI: "10.1002/jmri.29308"},
	"dutilleul1993":     {Text: "Dutilleul P. Modifying the t test for assessing the correlation between two spatial processes. Biometrics 1993;49:305–314.", DOI: "10.2307/2532625"},
	"efron1987":         {Text: "Efron B. Better bootstrap confidence intervals. J Am Stat Assoc 1987;82:171–185.", DOI: "10.1080/01621459.1987.10478410"},
	"fonov2011":         {Text: "Fonov V, Evans AC, Botteron K, Almli CR, McKinstry RC, Collins DL. Unbiased average age-appropriate atlases for pediatric studies. NeuroImage 2011;54:313–327.", DOI: "10.1016/j.neuroimage.2010.07.033"},
	"freedman1983":      {Text: "Freedman D, Lane D. A nonstochastic interpretation of reported significance levels. J Bus Econ Stat 1983;1:292–298.", DOI: "10.1080/07350015.1983.10509354"},
	"garcia2005":        {Text: "Garcia DM, Duhamel G, Alsop DC. Efficiency of inversion pulses for background suppressed arterial spin labeling. Magn Reson Med 2005;54:366–372.", DOI: "10.1002/mrm.20556"},
	"gneiting2004":      {Text: "Gneiting T, Schlather M. Stochastic models that separate fractal dimension and the Hurst effect. SIAM Rev 2004;46:269–282.", DOI: "10.1137/S0036144501394387"},
	"greve2009":         {Text: "Greve DN, Fischl B. Accurate and robust brain image alignment using boundary-based registration. NeuroImage 2009;48:63–72.", DOI: "10.1016/j.neuroimage.2009.06.060"},
	"handcock1993":      {Text: "Handcock MS, Stein ML. A Bayesian analysis of kriging. Technometrics 1993;35:403–410.", DOI: "10.1080/00401706.1993.10485354"},
	"herscovitch1985":   {Text: "Herscovitch P, Raichle ME. What is the correct value for the brain–blood partition coefficient for water? J Cereb Blood Flow Metab 1985;5:65–69.", DOI: "10.1038/jcbfm.1985.9"},
	"holm1979":          {Text: "Holm S. A simple sequentially rejective multiple test procedure. Scand J Stat 1979;6:65–70.", DOI: "10.2307/4615733"},
	"johnson2000":       {Text: "Johnson JW. A heuristic method for estimating the relative weight of predictor variables in multiple regression. Multivariate Behav Res 2000;35:1–19.", DOI: "10.1207/S15327906MBR3501_1"},
	"kenward1997":       {Text: "Kenward MG, Roger JH. Small sample inference for fixed effects from restricted maximum likelihood. Biometrics 1997;53:983–997.", DOI: "10.2307/2533558"},
	"laird1982":         {Text: "Laird NM, Ware JH. Random-effects models for longitudinal data. Biometrics 1982;38:963–974.", DOI: "10.2307/2529876"},
	"lakens2013":        {Text: "Lakens D. Calculating and reporting effect sizes to facilitate cumulative science: a practical primer for t-tests and ANOVAs. Front Psychol 2013;4:863.", DOI: "10.3389/fpsyg.2013.00863"},
	"lu2004":            {Text: "Lu H, Clingman C, Golay X, van Zijl PCM. Determining the longitudinal relaxation time (T1) of blood at 3.0 tesla. Magn Reson Med 2004;52:679–682.", DOI: "10.1002/mrm.20178"},
	"luh1999":           {Text: "Luh WM, Wong EC, Bandettini PA, Hyde JS. QUIPSS II with thin-slice TI1 periodic saturation: a method for improving accuracy of quantitative perfusion imaging using pulsed arterial spin labeling. Magn Reson Med 1999;41:1246–1254.", DOI: "10.1002/(SICI)1522-2594(199906)41:6<1246::AID-MRM22>3.0.CO;2-N"},
	"ly2016":            {Text: "Ly A, Verhagen J, Wagenmakers EJ. Harold Jeffreys’s default Bayes factor hypothesis tests: explanation, extension, and application in psychology. J Math Psychol 2016;72:19–32.", DOI: "10.1016/j.jmp.2015.06.004"},
	"maes1997":          {Text: "Maes F, Collignon A, Vandermeulen D, Marchal G, Suetens P. Multimodality image registration by maximization of mutual information. IEEE Trans Med Imaging 1997;16:187–198.", DOI: "10.1109/42.563664"},
	"mutsaerts2017":     {Text: "Mutsaerts HJMM, Petr J, Václavů L, et al. The spatial coefficient of variation in arterial spin labeling cerebral blood flow images. J Cereb Blood Flow Metab 2017;37:3184–3192.", DOI: "10.1177/0271678X16683690"},
	"nelder1954":        {Text: "Nelder JA. The interpretation of negative components of variance. Biometrika 1954;41:544–548.", DOI: "10.1093/biomet/41.3-4.544"},
	"nieuwenhuis2011":   {Text: "Nieuwenhuis S, Forstmann BU, Wagenmakers EJ. Erroneous analyses of interactions in neuroscience: a problem of significance. Nat Neurosci 2011;14:1105–1107.", DOI: "10.1038/nn.2886"},
	"patterson1971":     {Text: "Patterson HD, Thompson R. Recovery of inter-block information when block sizes are unequal. Biometrika 1971;58:545–554.", DOI: "10.1093/biomet/58.3.545"},
	"phipson2010":       {Text: "Phipson B, Smyth GK. Permutation P-values should never be zero: calculating exact P-values when permutations are randomly drawn. Stat Appl Genet Mol Biol 2010;9:39.", DOI: "10.2202/1544-6115.1585"},
	"power2012":         {Text: "Power JD, Barnes KA, Snyder AZ, Schlaggar BL, Petersen SE. Spurious but systematic correlations in functional connectivity MRI networks arise from subject motion. NeuroImage 2012;59:2142–2154.", DOI: "10.1016/j.neuroimage.2011.10.018"},
	"rolls2020":         {Text: "Rolls ET, Huang CC, Lin CP, Feng J, Joliot M. Automated anatomical labelling atlas 3. NeuroImage 2020;206:116189.", DOI: "10.1016/j.neuroimage.2019.116189"},
	"rouder2009":        {Text: "Rouder JN, Speckman PL, Sun D, Morey RD, Iverson G. Bayesian t tests for accepting and rejecting the null hypothesis. Psychon Bull Rev 2009;16:225–237.", DOI: "10.3758/PBR.16.2.225"},
	"satterthwaite1946": {Text: "Satterthwaite FE. An approximate distribution of estimates of variance components. Biometrics Bull 1946;2:110–114.", DOI: "10.2307/3002019"},
	"schuirmann1987":    {Text: "Schuirmann DJ. A comparison of the two one-sided tests procedure and the power approach for assessing the equivalence of average bioavailability. J Pharmacokinet Biopharm 1987;15:657–680.", DOI: "10.1007/BF01068419"},
	"senn2002":          {Text: "Senn S. Cross-over trials in clinical research. 2nd ed. Chichester: Wiley; 2002.", DOI: "10.1002/0470854596"},
	"steiger1980":       {Text: "Steiger JH. Tests for comparing elements of a correlation matrix. Psychol Bull 1980;87:245–251.", DOI: "10.1037/0033-2909.87.2.245"},
	"vazquez2019":       {Text: "Vázquez-Rodríguez B, Suárez LE, Markello RD, et al. Gradients of structure–function tethering across neocortex. Proc Natl Acad Sci USA 2019;116:21219–21227.", DOI: "10.1073/pnas.1903403116"},
	"wagner2015":        {Text: "Wagner HH, Dray S. Generating spatially constrained null models for irregularly spaced data using Moran spectral randomization methods. Methods Ecol Evol 2015;6:1169–1178.", DOI: "10.1111/2041-210X.12407"},
	"westfall2008":      {Text: "Westfall PH, Troendle JF. Multiple testing with minimal assumptions. Biom J 2008;50:745–755.", DOI: "10.1002/bimj.200710456"},
	"mackinnon1985":     {Text: "MacKinnon JG, White H. Some heteroskedasticity-consistent covariance matrix estimators with improved finite sample properties. J Econom 1985;29:305–325.", DOI: "10.1016/0304-4076(85)90158-7"},
	"wang2005":          {Text: "Wang J, Zhang Y, Wolf RL, Roc AC, Alsop DC, Detre JA. Amplitude-modulated continuous arterial spin-labeling 3.0-T perfusion MR imaging with a single coil: feasibility study. Radiology 2005;235:218–228.", DOI: "10.1148/radiol.2351031663"},
	"wansapura1999":     {Text: "Wansapura JP, Holland SK, Dunn RS, Ball WS. NMR relaxation times in the human brain at 3.0 tesla. J Magn Reson Imaging 1999;9:531–538.", DOI: "10.1002/(SICI)1522-2586(199904)9:4<531::AID-JMRI4>3.0.CO;2-L"},
	"wilcox1994":        {Text: "Wilcox RR. The percentage bend correlation coefficient. Psychometrika 1994;59:601–616.", DOI: "10.1007/BF02294395"},
	"wong1998":          {Text: "Wong EC, Buxton RB, Frank LR. Quantitative imaging of perfusion using a single subtraction (QUIPSS and QUIPSS II). Magn Reson Med 1998;39:702–708.", DOI: "10.1002/mrm.1910390506"},
	"wright2008":        {Text: "Wright PJ, Mougin OE, Totman JJ, et al. Water proton T1 measurements in brain tissue at 7, 3, and 1.5T using IR-EPI, IR-TSE, and MPRAGE: results and optimization. MAGMA 2008;21:121–130.", DOI: "10.1007/s10334-008-0104-8"},
	"zhang2013":         {Text: "Zhang X, Petersen ET, Ghariq E, et al. In vivo blood T1 measurements at 1.5 T, 3 T, and 7 T. Magn Reson Med 2013;70:1082–1086.", DOI: "10.1002/mrm.24550"},
	"zou2007":           {Text: "Zou GY. Toward using confidence intervals to compare correlations. Psychol Methods 2007;12:399–413.", DOI: "10.1037/1082-989X.12.4.399"},
}

// splitDOI parts the source of a constant, "Alsop et al. 2015,
// doi:10.1002/mrm.25197", into what to call the work and its DOI.
func splitDOI(source string) (text, doi string, ok bool) {
	i := strings.Index(source, "doi:")
	if i < 0 {
		return "", "", false
	}
	text = strings.TrimRight(source[:i], " ,;(")
	doi, _, _ = strings.Cut(source[i+len("doi:"):], " ")
	doi = strings.TrimRight(doi, ".,;:")
	if strings.Count(doi, "(") < strings.Count(doi, ")") {
		doi = strings.TrimSuffix(doi, ")")
	}
	return text, doi, doi != ""
}

// citeDOI cites a work by its DOI, under the name given if it is not one of
// this package's own.
func (w *writer) citeDOI(text, doi string) string {
	for key, r := range works {
		if strings.EqualFold(r.DOI, doi) { // at most one: a test sees to it
			return w.cite(key)
		}
	}
	key := "doi:" + doi
	if _, ok := w.number[key]; !ok {
		w.add(key, Reference{Text: text + ".", DOI: doi})
	}
	return w.cite(key)
}

// constantWords names a constant in words. Names are those of the sidecar;
// one that is not known is left as it is.
func constantWords(name string) string {
	switch name {
	case "BloodT1":
		return "T1 of arterial blood"
	case "PartitionCoefficient":
		return "Blood–brain partition coefficient"
	case "LabelingEfficiency":
		return "Labelling efficiency"
	case "BackgroundSuppressionEfficiency":
		return "Efficiency of a suppression pulse"
	case "GreyMatterT1":
		return "T1 of grey matter"
	case "WhiteMatterT1":
		return "T1 of white matter"
	case "GreyMatterTransitTime":
		return "Transit time of grey matter"
	case "WhiteMatterTransitTime":
		return "Transit time of white matter"
	case "TransitTimePrior":
		return "Mean of the prior of transit time"
	case "TransitTimePriorSD":
		return "Standard deviation of the prior of transit time"
	case "M0T1":
		return "T1 for the recovery of M0"
	case "BolusDuration":
		return "Bolus duration"
	case "M0Scale":
		return "Scale of M0"
	case "SaturationTime":
		return "Saturation time of the proton-density image"
	case "ProtonDensityScale":
		return "Scale of the proton-density image"
	case "NumberOfExcitations":
		return "Number of excitations"
	}
	return name
}
