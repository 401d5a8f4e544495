# The manual page from its source and the tables of README.md: 
#
#	awk -v version=0.1.0 -f manual.awk README.md rosterzip.1.in > rosterzip.1
#
# A line @OPTIONS@ becomes the option table, a line @EXIT_CODES@ the table of exit codes. What an option says is written
# in README.md and nowhere else. Fails when a table is not there.

# A cell for roff: `code` in bold and not hyphenated, no words about places in the README, nothing that roff
# would take for its own.
function roff(text, parts, count, i, out) {
	gsub(/ \((above|below)\)/, "", text)
	gsub(/\*\*/, "", text)
	gsub(/\\/, "\\e", text)
	count = split(text, parts, "`")
	out = ""
	for (i = 1; i <= count; i++) {
		if (i % 2 == 0) {
			gsub(/-/, "\\-", parts[i])
			gsub(/[^ ]+/, "\\%&", parts[i])
			parts[i] = "\\fB" parts[i] "\\fR"
		}
		out = out parts[i]
	}
	return out
}

# As sentences that stand alone: each begins a line, lines end before column 80, none looks like a request.
function sentence(text, words, count, i, line, out) {
	text = toupper(substr(text, 1, 1)) substr(text, 2)
	if (text !~ /[.]$/)
		text = text "."
	count = split(text, words, " ")
	out = line = ""
	for (i = 1; i <= count; i++) {
		if (line != "" && (length(line words[i]) > 77 || line ~ /[.]$/)) {
			out = out line "\n"
			line = ""
		}
		if (line == "")
			line = (words[i] ~ /^[.']/ ? "\\&" : "") words[i]
		else
			line = line " " words[i]
	}
	return out line
}

function trim(text) {
	gsub(/^ +| +$/, "", text)
	return text
}

function option(name, preset, text) {
	if (name ~ /^\*\*/) {
		if (in_list)
			options = options ".El\n"
		name = roff(name)
		options = options ".Ss " toupper(substr(name, 1, 1)) substr(name, 2) "\n"
		if (text != "")
			options = options sentence(roff(text)) "\n"
		options = options ".Bl -tag -width Ds\n"
		in_list = 1
		return
	}
	gsub(/`/, "", name)
	gsub(/-/, "\\-", name)
	gsub(/`/, "", preset)
	gsub(/-/, "\\-", preset)
	options = options ".It Cm " name (preset != "" ? " No = " preset : "") "\n"
	if (text != "")
		options = options sentence(roff(text)) "\n"
}

function exit_code(code, text) {
	codes = codes ".It " code "\n" sentence(roff(text)) "\n"
}

FNR == 1 {
	file++
}
file == 1 && /^## / {
	section = $0
}
file == 1 && /^\| / && (section == "## Configuration" || section == "## Exit codes") {
	gsub(/\\\|/, "\001")
	split($0, cell, "|")
	for (i = 2; i <= 4; i++) {
		cell[i] = trim(cell[i])
		gsub("\001", "|", cell[i])
	}
	if (section == "## Exit codes" && cell[2] != "code")
		exit_code(cell[2], cell[3])
	else if (section == "## Configuration" && cell[2] != "option")
		option(cell[2], cell[3], cell[4])
}
file == 2 && $0 == "@OPTIONS@" {
	printf "%s.El\n", options
	places++
	next
}
file == 2 && $0 == "@EXIT_CODES@" {
	printf ".Bl -tag -width Ds\n%s.El\n", codes
	places++
	next
}
file == 2 {
	if ($0 == ".Os")
		$0 = ".Os rosterzip " version
	print
}
END {
	if (options == "" || codes == "" || places != 2) {
		print "the tables of README.md, or the places for them, are missing" > "/dev/stderr"
		exit 1
	}
}
