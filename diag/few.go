package diag

import (
	"fmt"
	"strings"
)

// Few joins names by commas, the first most of them, and says how many more
// there are: "a, b and 3 more". most must be positive.
func Few(names []string, most int) string {
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
