package keys_test

import (
	"fmt"

	"github.com/signalcast/signalcast/openedx/keys"
)

func ExampleCourseKey_Validate() {
	fmt.Println(keys.CourseKey("course-v1:edX+DemoX+2024_T1").Validate())
	fmt.Println(keys.CourseKey("course-v1:edX+DemoX").Validate())
	// Output:
	// <nil>
	// malformed course key; want course-v1:org+course+run, Org/Course/Run, ccx-v1:org+course+run+ccx@1 or library-v1:org+library
}
