# Who may include whom: base nothing of ours; table only base; fetch only base; convert, check and package only base and
# table; src/*.c, src/*.h and src/cmd anything. Prints each breach and fails.
BEGIN {
	may["base"] = "base"
	may["table"] = "base table"
	may["fetch"] = "base fetch"
	may["convert"] = "base table convert"
	may["check"] = "base table check"
	may["package"] = "base table package"
}
FNR == 1 {
	files++
	part = ""
	if (split(FILENAME, path, "/") > 2)
		part = path[2]
}
/^#include "/ && part in may {
	split($2, name, "\"")
	into = name[2]
	if (sub(/\/.*/, "", into) == 0 || index(" " may[part] " ", " " into " ") == 0) {
		print FILENAME ":" FNR ": " part " must not include " name[2]
		breaches++
	}
}
END {
	if (files == 0) {
		print "no files given"
		exit 1
	}
	exit breaches > 0
}
