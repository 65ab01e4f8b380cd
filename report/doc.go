// Package report draws what was found in one participant, a list of
// participants or a whole trial as a single HTML page, and writes the methods
// text.
//
// Fill a [Participant] and call [WriteParticipant]; fill an [Index] and call
// [WriteIndex]; fill a [Group] and call [WriteGroup]. [Methods] and
// [GroupMethods] turn the facts of an analysis into paragraphs and
// numbered references, which the page prints last.
//
// # The page
//
// A page holds everything it shows: pictures as PNG inside SVG, its style and
// its few lines of script, whose SHA-256 its own content security policy
// names. It asks the network for nothing, works without script, prints, and
// follows the reader's choice of light or dark. Figures come first, numbers
// beside them; constants, equation, methods and references come last.
//
// # Pictures
//
// Images are drawn on their own voxels: axes are permuted and flipped to those
// nearest the body's, never interpolated. A voxel is as wide and high as its
// size in mm. A voxel without a value is transparent outside the mask and
// hatched inside. Values under the window have a colour of their own.
//
// # Invariants
//
// The same values give the same bytes: nothing here reads a clock, a map in
// its own order, or a file. All text from outside is escaped. NaN is printed
// as a dash. Pictures share a budget of pixels and of outline points, so that
// a page stays below 3 MB whatever the size of the images.
package report
