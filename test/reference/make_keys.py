"""Writes openedx/keys/testdata: for each kind of key, strings that the consumers of the reference accept or reject.

    python make_keys.py OUTPUT_DIRECTORY [MUTATIONS_PER_KIND]

The strings are listed here or are mutations of listed ones, the same in every run. Two kinds are left out, which the reference
accepts and signalcast rejects: keys of XBlock asides, and library keys that end in a line break.
"""
import json
import random
import sys
from pathlib import Path

from ccx_keys.locator import CCXLocator
from opaque_keys import InvalidKeyError
from opaque_keys.edx.keys import CourseKey, UsageKey
from opaque_keys.edx.locator import (
    LibraryCollectionLocator, LibraryContainerLocator, LibraryLocatorV2, LibraryUsageLocatorV2,
)

VERSION = "519665f6223ebd6980884f2b"

KINDS = {
    "course_key": CourseKey,
    "ccx_locator": CCXLocator,
    "usage_key": UsageKey,
    "library_locator": LibraryLocatorV2,
    "library_usage_locator": LibraryUsageLocatorV2,
    "library_collection_locator": LibraryCollectionLocator,
    "library_container_locator": LibraryContainerLocator,
}

SEEDS = [
    "", ":", "course-v1", "course-v1:", "lib:", "a", "a:b", "//", "a/b/c/d", "a/b", "/b/c", "a//c", "a/b/", "a b/c/d", "a/b~/c",
    "edX/Old/Slash_2012", "MITx/6.002x/2012%20Spring", "course-v1:edX+DemoX+2024_T1", "course-v1:Zürich+数学101+été_2025",
    "course-v1:Org.x+C-2~b+run:3", "course-v1:a+b", "course-v1:a+b+c+d", "course-v1:a+b+c+", "course-v1:a++c",
    f"course-v1:a+b+c+branch@draft-branch+version@{VERSION}", f"course-v1:version@{VERSION}", f"course-v1:a+b+version@{VERSION}",
    f"course-v1:a+version@{VERSION}", "course-v1:a+b+c+version@abc", f"course-v1:a+b+c+version@{VERSION.upper()}",
    f"course-v1:a+b+c+version@{VERSION}+branch@x", "course-v1:a+b+c+type@html+block@50%", "course-v1:a+b+c+block@x+type@html",
    "course-v1:branch@x", "course-v1:a+b+c+branch@", "course-v1:a+b+c+colour@red", "course-v1:a+b@c+d", "course-v1:a+b+c/d",
    "slashes:a+b+c", "library-v1:edX+lib", "library-v1:edX+lib+branch@library", "library-v1:edX+lib+extra", "library-v1:edX",
    "COURSE-V1:a+b+c", " course-v1:a+b+c", "course-v1:a+b+c\n", "course-v1:a+b+c ", "course-v1:e\u0301+b+c", "course-v1:a+b+\u0bd7",
    "ccx-v1:edX+DemoX+2024_T1+ccx@42", "ccx-v1:a+b+c+ccx@४२", "ccx-v1:a+b+c+CCX@1", "ccx-v1:a+b+c+ccx@x", "ccx-v1:a+b+c", "ccx-v1:a+b+ccx@1",
    f"ccx-v1:a+b+c+branch@x+version@{VERSION.upper()}+ccx@1", f"ccx-v1:a+b+c+Ver\u017fion@{VERSION}+ccx@1", "ccx-v1:ccx@1",
    f"ccx-v1:version@{VERSION}+ccx@1", "ccx-v1:a+b+c+ccx@1+type@html+block@x", "ccx-v1:a+b+c+ccx@1+block@50%", "ccx-v1:a+b+c+ccx@²",
    "block-v1:edX+DemoX+2024_T1+type@problem+block@a1b2c3d4e5f60718293a4b5c6d7e8f90",
    f"block-v1:edX+DemoX+2024_T1+branch@draft-branch+version@{VERSION}+type@chapter+block@ch1",
    "block-v1:Zürich+数学101+été_2025+type@html+block@naïve", "block-v1:a+b+c+block@x", "block-v1:a+b+c+type@html", "block-v1:a+b+type@html+block@x",
    "block-v1:a+b+c+type@html+block@50%", "block-v1:a+b+c+type@html+block@x@y", f"block-v1:version@{VERSION}+type@html+block@x",
    "ccx-block-v1:a+b+c+ccx@1+type@html+block@x", "ccx-block-v1:a+b+c+ccx@1+BLOC\u212a@x", "ccx-block-v1:a+b+c+type@html+block@x", "ccx-block-v1:a+b+c+ccx@1",
    "lib-block-v1:edX+lib+type@html+block@x", "lib-block-v1:edX+lib+block@x", f"lib-block-v1:version@{VERSION}+type@html+block@x",
    "location:a+b+c+html+x", "location:a+b+c+html", "location:a+b+c+html+x+y",
    "i4x://edX/Old/problem/Legacy_1", "i4x://edX/Old/problem/Legacy_1@draft", "i4x://edX/Old/problem/a:b~c%", "i4x://edX/Old/any thing+@/x",
    "i4x://edX/Old/problem/a/b", "i4x://edX/Old/problem/", "i4x://edX/Old/problem/x@", "i4x://edX/Old/problem/x@a@b", "i4x:/edX/Old/problem/x", "i4x://e~X/Old/problem/x",
    "lib:edX:lib-1", "lib:OpenCraft:Bücherei_2.b", "lib:Zürich:lib", "lib:edX", "lib:edX:a:b", "lib:edX:", "lib::lib", "lib:edX:a~b", "lib:edX:a b", "LIB:edX:lib",
    "lb:edX:lib-1:problem:p-1", "lb:edX:lib:html:naïve", "lb:edX:lib:naïve:p", "lb:edX:lib:html", "lb:edX:lib:html:p:q",
    "lib-collection:edX:lib-1:coll-1", "lib-collection:edX:数学:数学", "lib-collection:edX:lib", "lib-collection:édX:lib:c",
    "lct:edX:lib-1:unit:u-1", "lct:edX:lib:section:數", "lct:edX:lib:sectión:s", "lct:edX:lib:unit", "lct:edX:lib:unit:u:v",
]

PIECES = list("aZ09_-.~:%+@/ \n$é数²½Ⅷ४\u0301\u200d№ªʰ") + [
    "+a", "@x", "/x", ":x", "branch@", f"+version@{VERSION}", "+ccx@1", "+type@html", "+block@b", "course-v1:", "lib:", "i4x://", "😀",
]


def accepted(kind, text):
    try:
        KINDS[kind].from_string(text)
    except (InvalidKeyError, ValueError, TypeError, AttributeError, KeyError, NotImplementedError):
        return False
    return True


def left_out(text):
    return text.startswith("aside-") or (text.startswith(("lib:", "lb:", "lct:", "lib-collection:")) and "\n" in text)


def mutate(rng, text):
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        at, to = sorted((rng.randint(0, len(text)), rng.randint(0, len(text))))
        match rng.randrange(6):
            case 0:
                text = text[:at] + rng.choice(PIECES) + text[at:]
            case 1:
                text = text[:at] + text[at + 1:]
            case 2:
                text = text[:at] + rng.choice(PIECES) + text[at + 1:]
            case 3:
                text = text[:at] + text[to:]
            case 4:
                text = text[:to] + text[at:]
            case 5:
                text = text[:at] + rng.choice((text.upper(), text.title()))[at:to] + text[to:]
    return text


def main():
    out, count = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 150
    out.mkdir(parents=True, exist_ok=True)
    for kind in KINDS:
        rng = random.Random(kind)
        own = [s for s in SEEDS if accepted(kind, s)]
        found = {s: accepted(kind, s) for s in SEEDS if not left_out(s)}
        for wanted in (True, False):
            left = count
            while left:
                text = mutate(rng, rng.choice(own))
                if text not in found and not left_out(text) and accepted(kind, text) == wanted:
                    found[text] = wanted
                    left -= 1
        lists = {"accepted": sorted(s for s, ok in found.items() if ok), "rejected": sorted(s for s, ok in found.items() if not ok)}
        (out / f"{kind}.json").write_text(json.dumps(lists, indent=1) + "\n")


if __name__ == "__main__":
    main()
