package bids

import (
	"slices"
	"strings"
)

// knownField reports whether name is a field that BIDS defines for MRI.
func knownField(name string) bool {
	_, ok := slices.BinarySearch(mriFields, name)
	return ok
}

// aliases are names under which converters and simulators write what BIDS
// calls by another name, most likely first. They are suggested, never used:
// their meaning or unit may differ.
var aliases = map[string][]string{
	"ArterialSpinLabelingType":  {"LabelingType"},
	"LabelingDuration":          {"LabelDuration", "LabelingTime", "BolusDuration"},
	"PostLabelingDelay":         {"PostLabelDelay", "InitialPostLabelDelay", "InversionTime"},
	"RepetitionTimePreparation": {"RepetitionTime"},
	"BolusCutOffDelayTime":      {"BolusDuration"},
	"MagneticFieldStrength":     {"FieldStrength"},
}

// aslFields are the fields whose misspelling would change or lose a result.
var aslFields = []string{
	"AcquisitionVoxelSize", "ArterialSpinLabelingType", "BackgroundSuppression",
	"BackgroundSuppressionNumberPulses", "BackgroundSuppressionPulseTime",
	"BolusCutOffDelayTime", "BolusCutOffFlag", "BolusCutOffTechnique",
	"EchoTime", "FlipAngle", "IntendedFor", "LabelingDuration",
	"LabelingEfficiency", "LookLocker", "M0Estimate", "M0Type",
	"MRAcquisitionType", "MagneticFieldStrength", "Manufacturer",
	"PostLabelingDelay", "RepetitionTimePreparation", "SliceEncodingDirection",
	"SliceTiming", "TotalAcquiredPairs", "VascularCrushing",
}

// mriFields are the fields that BIDS 1.11 defines for MRI images, sorted.
var mriFields = strings.Fields(`
AcquisitionDuration AcquisitionVoxelSize AnatomicalImage
AnatomicalLandmarkCoordinates ArterialSpinLabelingType B0FieldIdentifier
B0FieldSource B0ShimmingTechnique B1ShimmingTechnique BackgroundSuppression
BackgroundSuppressionNumberPulses BackgroundSuppressionPulseTime BodyPart
BodyPartDetails BodyPartDetailsOntology BolusCutOffDelayTime BolusCutOffFlag
BolusCutOffTechnique CASLType ChemicalShiftOffset ChemicalShiftReference
CogAtlasID CogPOID CoilCombinationMethod ContrastBolusIngredient
CoordinateReportStrategy DeidentificationMethod
DeidentificationMethodCodeSequence DelayAfterTrigger DelayTime Density
Description DeviceSerialNumber DwellTime EchoAcquisition EchoTime EchoTime1
EchoTime2 EditCondition EditPulse EditTarget EffectiveEchoSpacing
EncodingTechnique FlipAngle FrameAcquisitionDuration GradientSetType
HardcopyDeviceSoftwareVersion InstitutionAddress InstitutionName
InstitutionalDepartmentName Instructions IntendedFor InversionTime
LabelingDistance LabelingDuration LabelingEfficiency
LabelingLocationDescription LabelingOrientation LabelingPulseAverageB1
LabelingPulseAverageGradient LabelingPulseDuration LabelingPulseFlipAngle
LabelingPulseInterval LabelingPulseMaximumGradient LabelingSlabThickness
LookLocker M0Estimate M0Type MRAcquisitionType MRTransmitCoilSequence
MTNumberOfPulses MTOffsetFrequency MTPulseBandwidth MTPulseDuration
MTPulseShape MTState MagneticFieldStrength Manual Manufacturer
ManufacturersModelName MatrixCoilMode MatrixSize MixingTime
MultibandAccelerationFactor MultipartID NegativeContrast
NonlinearGradientCorrection NumberOfSpectralPoints NumberOfTransients
NumberOfVolumesDiscardedByScanner NumberOfVolumesDiscardedByUser
NumberReceiveCoilActiveElements NumberShots NumberTransmitCoilActiveElements
OuterVolumeSuppression PASLType PCASLType ParallelAcquisitionTechnique
ParallelReductionFactorInPlane ParallelReductionFactorOutOfPlane
PartialFourier PartialFourierDirection PhaseEncodingDirection
PostLabelingDelay PulseSequenceDetails PulseSequencePulses
PulseSequenceTiming PulseSequenceType RawSources ReceiveCoilActiveElements
ReceiveCoilName ReceiveGain ReferenceSignal RepetitionTime
RepetitionTimeExcitation RepetitionTimePreparation Resolution
ResonantNucleus SamplePrimaryAntibody SampleSecondaryAntibody SampleStaining
ScanOptions ScanningSequence SequenceName SequenceVariant SkullStripped
SliceEncodingDirection SliceTiming SoftwareVersions Sources SpatialReference
SpectralWidth SpectrometerFrequency SpoilingGradientDuration
SpoilingGradientMoment SpoilingRFPhaseIncrement SpoilingState SpoilingType
StationName TablePosition TaskDescription TaskName TotalAcquiredPairs
TotalReadoutTime Type Units VascularCrushing VascularCrushingVENC
VolumeAffineMatrix VolumeTiming WaterSuppression WaterSuppressionTechnique
`)
