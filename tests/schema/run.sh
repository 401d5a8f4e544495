#!/bin/sh
# The tables made from schemas/ are those of the standard, and a mistake in schemas/ stops the build with file and key
# named.
#
#	sh tests/schema/run.sh SOURCE_DIR WORK_DIR
set -u

if [ $# -ne 2 ]; then
	echo "usage: run.sh SOURCE_DIR WORK_DIR" >&2
	exit 2
fi
mkdir -p "$2" || exit 2
source=$(cd "$1" && pwd) || exit 2
work=$(cd "$2" && pwd)/schema-test || exit 2
rm -rf "$work"
mkdir "$work" || exit 2
trap 'rm -rf "$work"' EXIT
failures=0

fail() {
	echo "FAIL: $*"
	failures=$((failures + 1))
}

# Copies the schemas afresh and makes the tables of the copy: tables.c, output, status.
fresh() {
	rm -rf "$work/schemas" "$work/tables.c"
	cp -R "$source/schemas" "$work/schemas"
}

generate() {
	status=0
	output=$(cmake -DSCHEMAS="$work/schemas" -DOUTPUT="$work/tables.c" -P "$work/schemas/generate.cmake" 2>&1) ||
		status=$?
}

compile() {
	${CC:-cc} -std=c17 -D_POSIX_C_SOURCE=200809L -I "$source/src" -o "$work/print" "$source/tests/schema/print.c" \
		"$source/src/table/schema.c" "$source/src/table/consumer.c" "$source/src/provider.c" "$work/tables.c"
}

# same NAME EXPECTED ACTUAL: compares two texts.
same() {
	if [ "$2" != "$3" ]; then
		fail "$1"
		printf '%s\n' "$2" >"$work/expected"
		printf '%s\n' "$3" >"$work/actual"
		diff -u "$work/expected" "$work/actual"
	fi
}

# stops FILE MESSAGE: the schemas as they are now must be refused with that message about that file.
stops() {
	generate
	if [ "$status" -eq 0 ]; then
		fail "accepted, instead of: $1: $2"
	elif [ -e "$work/tables.c" ]; then
		fail "refused, but tables were written: $1: $2"
	else
		case $output in
		*"  schemas/$1: $2
"*) ;;
		*) fail "expected \"schemas/$1: $2\", got: $output" ;;
		esac
	fi
}

# broken FILE MESSAGE SED: one change to one file must be refused.
broken() {
	fresh
	sed "$3" "$work/schemas/$1" >"$work/changed"
	if cmp -s "$work/changed" "$work/schemas/$1"; then
		fail "this changes nothing in $1: $3"
		return
	fi
	mv "$work/changed" "$work/schemas/$1"
	stops "$1" "$2"
}

# ---- The tables are those of the standard ----

fresh
generate
if [ "$status" -ne 0 ] || ! compile; then
	echo "FAIL: the schemas do not build: $output"
	exit 1
fi

same "headers" "$(LC_ALL=C sort <<'END'
academicSessions.csv sourcedId,status,dateLastModified,title,type,startDate,endDate,parentSourcedId,schoolYear
categories.csv sourcedId,status,dateLastModified,title
classes.csv sourcedId,status,dateLastModified,title,grades,courseSourcedId,classCode,classType,location,schoolSourcedId,termSourcedIds,subjects,subjectCodes,periods
classResources.csv sourcedId,status,dateLastModified,title,classSourcedId,resourceSourcedId
courses.csv sourcedId,status,dateLastModified,schoolYearSourcedId,title,courseCode,grades,orgSourcedId,subjects,subjectCodes
courseResources.csv sourcedId,status,dateLastModified,title,courseSourcedId,resourceSourcedId
demographics.csv sourcedId,status,dateLastModified,birthDate,sex,americanIndianOrAlaskaNative,asian,blackOrAfricanAmerican,nativeHawaiianOrOtherPacificIslander,white,demographicRaceTwoOrMoreRaces,hispanicOrLatinoEthnicity,countryOfBirthCode,stateOfBirthAbbreviation,cityOfBirth,publicSchoolResidenceStatus
enrollments.csv sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,userSourcedId,role,primary,beginDate,endDate
lineItems.csv sourcedId,status,dateLastModified,title,description,assignDate,dueDate,classSourcedId,categorySourcedId,gradingPeriodSourcedId,resultValueMin,resultValueMax
orgs.csv sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId
resources.csv sourcedId,status,dateLastModified,vendorResourceId,title,roles,importance,vendorId,applicationId
results.csv sourcedId,status,dateLastModified,lineItemSourcedId,studentSourcedId,scoreStatus,score,scoreDate,comment
users.csv sourcedId,status,dateLastModified,enabledUser,orgSourcedIds,role,username,userIds,givenName,familyName,middleName,identifier,email,sms,phone,agentSourcedIds,grades,password
END
)" "$("$work/print" headers | LC_ALL=C sort)"

same "columns" "$(grep -v '^#' "$source/tests/schema/standard.txt" | LC_ALL=C sort)" \
	"$("$work/print" columns | LC_ALL=C sort)"

same "links" "orgs is core
orgs is told by identifier
orgs is told by name and type
academicSessions is core
academicSessions is told by title and type and startDate
courses is core
courses is told by courseCode and orgSourcedId and schoolYearSourcedId
courses is told by title and orgSourcedId and schoolYearSourcedId
classes is core
classes is told by classCode and schoolSourcedId and termSourcedIds
classes.classType becomes scheduled
users is core
users is told by username
users is told by identifier
users.enabledUser becomes true
enrollments is not referenced
enrollments is core
enrollments is told by classSourcedId and userSourcedId and role
enrollments.schoolSourcedId becomes schoolSourcedId of the row of classSourcedId in classes
demographics is not referenced
lineItems is told by title and classSourcedId and assignDate
results is not referenced
results is told by lineItemSourcedId and studentSourcedId
resources is told by vendorResourceId and vendorId and applicationId
courseResources is not referenced
courseResources is made from resources of courses
courseResources is told by courseSourcedId and resourceSourcedId
classResources is not referenced
classResources is made from resources of classes
classResources is told by classSourcedId and resourceSourcedId" "$("$work/print" links)"

# host path name
while read -r host path name; do
	same "provider of $host $path" "$name" "$("$work/print" provider "$host" "$path")"
done <<'END'
eagle.aeries.net /admin aeries
EAGLE.Aeries.NET /x aeries
aeries.net / aeries
notaeries.net /admin generic
aeries.net.example.org / generic
sis.example.org /aeries aeries
sis.example.org /district/Aeries/ aeries
sis.example.org /notaeries generic
sis.example.org /aeries/x generic
district.infinitecampus.org /campus/api/oneroster/v1p1/app generic
api.sky.blackbaud.com /afe-rostr generic
END

# name wants
while read -r name wants; do
	same "consumer $name" "$wants" "$("$work/print" consumer "$name" | grep -v '^note ' | paste -s -d '|' -)"
done <<'END'
kitaboo needs orgs|ignores academicSessions|ignores courses|needs classes|needs users|needs enrollments|ignores demographics|ignores categories|ignores lineItems|ignores results|ignores resources|ignores courseResources|ignores classResources
mcgraw-hill
lab-aids needs orgs|needs academicSessions|needs courses|needs classes|needs users|needs enrollments
naviance needs orgs|ignores academicSessions|ignores courses|ignores classes|needs users|ignores enrollments|ignores demographics|ignores categories|ignores lineItems|ignores results|ignores resources|ignores courseResources|ignores classResources|takes role student|takes role teacher|takes role administrator|takes org type district|takes org type school
turnitin needs users.email|takes role student|takes role teacher
END

# ---- Any text gets through the build ----

fresh
sed 's/"always blank[^"]*"/"quote \\" back \\\\n ; semi;[open ${x} @x@ ??= \\u00e9 %d"/' "$source/schemas/oneroster-1.1/users.json" \
	>"$work/schemas/oneroster-1.1/users.json"
generate
if [ "$status" -ne 0 ] || ! compile; then
	fail "a note with all sorts of signs does not build: $output"
else
	same "note" 'quote " back \n ; semi;[open ${x} @x@ ??= é %d' "$("$work/print" note users password)"
fi
fresh
cat >"$work/schemas/consumers/odd.json" <<'END'
{
	"title": "odd",
	"notes": ["quote \" back \\n ; semi;[open ${x} @x@ ??= \u00e9 %d", "a;b"],
	"metadata": ["users.metadata.a_b.c-1", "orgs.metadata.X"],
	"id-chars": "aZ09;[]\\\"?${x}",
	"text-chars": " ;[\\",
	"required": [
		{ "column": "users.grades", "role": "student" },
		{ "column": "users.grades", "role": "teacher", "unique": true },
		{ "column": "classes.title" }
	],
	"because": { "metadata": "a;b", "id-chars": "]", "text-chars": "[", "required": "\\" }
}
END
generate
if [ "$status" -ne 0 ] || ! compile; then
	fail "a consumer with all sorts of signs does not build: $output"
else
	same "consumer with all sorts of signs" 'knows metadata.a_b.c-1 of users
knows metadata.X of orgs
needs users.grades of a student
needs users.grades of a teacher, which is unique
needs classes.title
note quote " back \n ; semi;[open ${x} @x@ ??= é %d
note a;b' "$("$work/print" consumer odd)"
fi

# ---- Mistakes stop it ----

users=oneroster-1.1/users.json
classes=oneroster-1.1/classes.json
enrollments=oneroster-1.1/enrollments.json
links=oneroster-1.1/classResources.json
standard=oneroster-1.1.json
aeries=providers/aeries.json
generic=providers/generic.json
campus=providers/infinite-campus.json
plus=providers/eschoolplus.json
blackbaud=providers/blackbaud.json
apple=consumers/apple-school-manager.json
hmh=consumers/hmh.json
sds=formats/microsoft-sds-v2.json
kitaboo=consumers/kitaboo.json
math=consumers/st-math.json
moodle=consumers/moodle.json
naviance=consumers/naviance.json

# Keys and kinds.
broken $users 'columns[4]: unknown key "requird"' '/"orgSourcedIds"/s/"ref"/"requird": true, "ref"/'
broken $users 'columns[17]: "fill" cannot go with a closed column' '/"type": "blank"/s/"blank"/"text", "path": "pw", "fill": "x"/'
broken oneroster-1.1.json 'closed: there is no column "users.pasword"' 's/"users.password"/"users.pasword"/'
broken oneroster-1.1.json 'closed: "status" must be of type string' 's/"status": "only.*",/"status": 1,/'
broken $users 'unknown key "colection"' 's/"collection"/"colection"/'
broken $users 'missing key "scope"' '/"scope"/d'
broken $users '"core" must be of type boolean' 's/"core": true/"core": "true"/'
broken $users '"wrappers" must be of type array' 's/"wrappers": .*/"wrappers": "user",/'
broken $users '"wrappers" must hold strings only' 's/"students"/7/'
broken $users '"wrappers" has "user" twice' 's/"students"/"user"/'
broken $users '"wrappers" has the collection itself' 's/"students"/"users"/'
broken $users '"endpoint" cannot be "users/all"' 's,"endpoint": "users","endpoint": "users/all",'
broken $users '"endpoint" must not be empty' 's/"endpoint": "users"/"endpoint": ""/'
broken $users 'columns[17]: "note" holds a control character' 's/"always blank/"\\talways blank/'
broken $users 'columns[6]: missing key "type"' '/"username"/s/, "type": "text"//'
broken $users 'columns[6]: missing key "path"' '/"username"/s/"path": "username", //'
broken $users 'columns[6]: "required" must be of type boolean' '/"username"/s/true/1/'
broken $users 'columns[6]: must be an object' 's/{ "name": "username".*/"username",/'
broken $links 'unknown key "scope"' 's/"each"/"scope": "x", "each"/'
broken $links 'missing key "each"' '/"each"/d'

# Types and what goes with them.
broken $users 'columns[6]: unknown type "string"' '/"username"/s/"text"/"string"/'
broken $users 'columns[7]: column "username" is there already' 's/"name": "userIds"/"name": "username"/'
broken $users 'columns[7]: path "username" is taken already' '/"userIds"/s/"path": "userIds"/"path": "username"/'
broken $users 'columns[6]: path "role" is the name of another column' \
	'/"role"/s/"path": "role"/"path": "roles"/; /"username"/s/"path": "username"/"path": "role"/'
broken $users 'columns[6]: "path" cannot be "user..name"' '/"username"/s/"path": "username"/"path": "user..name"/'
broken $users 'columns[6]: "path" cannot be "../username"' '/"username"/s,"path": "username","path": "../username",'
broken $users 'columns[16]: "also" cannot be "a b"' 's/"grade"\]/"a b"]/'
broken $users 'columns[17]: "path" cannot go with type blank' '/"password"/s/"type"/"path": "password", "type"/'
broken $users 'columns[5]: "values" must not be empty' '/"role"/s/"userRole"/""/'
broken $users 'columns[5]: unknown values "userRoles"' 's/"userRole"/"userRoles"/'
broken $users 'columns[5]: missing key "values"' 's/"values": "userRole", //'
broken $users 'columns[6]: "values" cannot go with type text' '/"username"/s/"text"/"text", "values": "userRole"/'
broken $users 'columns[1]: "required" and "delta" exclude each other' '/"status"/s/"delta"/"required": true, "delta"/'
broken $users 'columns[4]: unknown ref "org"' '/"orgSourcedIds"/s/"ref": "orgs"/"ref": "org"/'
broken $users 'columns[6]: "ref" cannot go with type text' '/"username"/s/"text"/"text", "ref": "orgs"/'
broken $users 'columns[4]: ref "enrollments" comes after this table in the order of reading' \
	'/"orgSourcedIds"/s/"ref": "orgs"/"ref": "enrollments"/'
broken $users 'columns[0]: must be the column "sourcedId"' 's/"name": "sourcedId"/"name": "id"/'
broken $users 'columns[0]: sourcedId must be required, and of type guid or digest' \
	'/"name": "sourcedId"/s/, "required": true//'
broken $users 'columns[1]: status must have delta, and be of type enum' '/"status"/s/, "delta": true//'
broken $users 'columns[2]: dateLastModified must have delta, and be of type datetime' \
	'/"dateLastModified"/s/"datetime"/"date"/'

# Formats.
broken $users 'columns[7]: missing key "format"' '/"userIds"/s/, "format": "[^"]*"//'
broken $users 'columns[7]: "format" has no <key> place: "{type:identifier}"' 's/{<type>:<identifier>}/{type:identifier}/'
broken $users 'columns[7]: "format" has a place that is no key: "{<type>:<identifier}"' 's/<identifier>/<identifier/'
broken $users 'columns[7]: "format" has a place that is no key: "{<type>:<../identifier>}"' 's,<identifier>,<../identifier>,'
broken $users 'columns[7]: "format" has a place that is no key: "{<type>:<>}"' 's/<identifier>/<>/'
broken $users 'columns[6]: "format" cannot go with type text' '/"username"/s/"text"/"text", "format": "<a>"/'

# Fills.
broken $users 'columns[3]: unknown fill "yes"' 's/"fill": "true"/"fill": "yes"/'
broken $classes 'columns[7]: unknown fill "seldom"' 's/"fill": "scheduled"/"fill": "seldom"/'
broken $users 'columns[4]: "fill" cannot go with type guids' '/"orgSourcedIds"/s/"ref"/"fill": "0", "ref"/'
broken $enrollments 'columns[4]: "fill" and "fill-from" exclude each other' 's/"fill-from"/"fill": "0", "fill-from"/'
broken $enrollments 'columns[4]: "fill-from" must be COLUMN.COLUMN, not "classSourcedId"' \
	's/"classSourcedId.schoolSourcedId"/"classSourcedId"/'
broken $enrollments 'columns[4]: "fill-from" names an unknown column "classId"' \
	's/"classSourcedId.schoolSourcedId"/"classId.schoolSourcedId"/'
broken $enrollments 'columns[4]: "fill-from" leads nowhere: classes has no column "orgSourcedId"' \
	's/"classSourcedId.schoolSourcedId"/"classSourcedId.orgSourcedId"/'
broken $enrollments 'columns[4]: "fill-from" leads nowhere: "role" is not a reference to one row' \
	's/"classSourcedId.schoolSourcedId"/"role.schoolSourcedId"/'
broken $enrollments \
	'columns[4]: "fill-from" leads to something else: classes.courseSourcedId is not of the same type and ref' \
	's/"classSourcedId.schoolSourcedId"/"classSourcedId.courseSourcedId"/'

# Tables made from another's records.
broken $links 'unknown from "class"' 's/"from": "classes"/"from": "class"/'
broken $links 'from "classResources" does not come before this table in the order of reading' \
	's/"from": "classes"/"from": "classResources"/'
broken $links 'from "courseResources" is itself made from another table' 's/"from": "classes"/"from": "courseResources"/'
broken $links 'columns[0]: "format" has a place that is no key: "<../../sourcedId> <sourcedId>"' 's,<../,<../../,'

# Endpoints instead of the usual one.
broken $users '"instead" has the endpoint itself' 's/"instead": \["students"/"instead": ["users"/'
broken $enrollments 'instead-each: unknown key "tabel"' 's/"table": "orgs"/"tabel": "orgs"/'
broken $enrollments 'instead-each: unknown table "schools"' 's/"table": "orgs"/"table": "schools"/'
broken $enrollments 'instead-each: unknown column "kind"' 's/"column": "type"/"column": "kind"/'
broken $enrollments 'instead-each: "path" cannot be "schools/enrollments"' 's,schools/\*/,schools/,'

# What tells rows apart.
broken $users 'identity: unknown column "login"' 's/"identity": \["username"/"identity": ["login"/'
broken $users 'identity: "status" tells nothing beyond the id' 's/"identity": \["username"/"identity": ["status"/'
broken $users '"identity" has "identifier" twice' 's/"identity": \["username"/"identity": ["identifier"/'
broken $users '"identity" cannot be "username+"' 's/"identity": \["username"/"identity": ["username+"/'

# The standard itself.
broken $standard 'unknown key "baze-path"' 's/"base-path"/"baze-path"/'
broken $standard 'unknown version "1.2"' 's/"version": "1.1"/"version": "1.2"/'
broken $standard '"scope-prefix" cannot be "purl"' 's/"scope-prefix": .*/"scope-prefix": "purl",/'
broken $standard '"order" lacks "results", which has a file' 's/"results", //'
broken $standard '"manifest" lacks "users"' 's/, "users"$//'
broken $standard 'unknown manifest "roles"' 's/"results", "users"$/"results", "users", "roles"/'
broken $standard '"order" has "orgs" twice' 's/"results"/"orgs"/'
broken $standard 'vocabularies.classType: unknown key "value"' '/"classType"/,/}/s/"values"/"value"/'
broken $standard 'vocabularies.classType: missing key "values"' '/"values": \["homeroom"/d'
broken $standard 'vocabularies.classType: "values" has a word twice, in other letter case' 's/"homeroom"/"Scheduled"/'
broken $standard 'vocabularies.status.aliases: unknown value "gone"' 's/"inactive": "tobedeleted"/"inactive": "gone"/'
broken $standard 'vocabularies.status.aliases: "Active" is there already' 's/"inactive"/"Active"/'
broken $standard 'vocabularies: "spare" is used by no column' \
	's/"vocabularies": {/"vocabularies": { "spare": { "values": ["one"] },/'

# Providers.
broken $aeries 'unknown key "host"' 's/"hosts"/"host"/'
broken $aeries 'missing key "title"' '/"title"/d'
broken $aeries 'unknown auth "oauth3"' 's/"oauth2"/"oauth3"/'
broken $aeries 'unknown client-auth "header"' 's/"basic"/"header"/'
broken $aeries '"token-paths" cannot be "token"' 's,"/token","token",'
broken $aeries 'missing key "refresh-path", needed by auth aeries-v1' '/"refresh-path"/d'
broken $aeries '"authorize-path" cannot go without auth aeries-v1' 's/, "aeries-v1"//'
broken $aeries 'permissions: unknown table "schools"' 's/"orgs":/"schools":/'
broken $aeries 'hints: unknown key "forbiden"' 's/"forbidden"/"forbiden"/'
broken $aeries 'hints: "key-shape" cannot go without key-hex-digits' '/"key-hex-digits"/d'
broken $aeries '"key-hex-digits" must be of type number' 's/64,/"64",/'
broken $generic 'missing key "token-paths", needed by auth oauth2' '/"token-paths"/d'
broken $aeries '"key-hex-digits" cannot be "6.5"' 's/64,/6.5,/'
broken $aeries '"key-hex-digits" cannot be more than 999' 's/64,/1000,/'
broken $aeries 'unknown scopes "some"' 's/"extra-scopes".*/"scopes": "some",/'
broken $aeries '"scopes" and "extra-scopes" exclude each other' 's/"extra-scopes"/"scopes": "none", "extra-scopes"/'
broken $aeries '"token-paths" and "token-url" exclude each other' \
	's,"token-paths","token-url": "https://sis.example.org/token"\, "token-paths",'
broken $campus 'unknown token-at "base"' 's/"token-at": "host"/"token-at": "base"/'
broken $campus 'missing key "client-auth", needed by auth oauth2' '/"client-auth"/d'
broken $campus '"token-query" cannot be "app name"' 's/"appName"/"app name"/'
broken $campus '"token-query" must be of type array' 's/\["appName"\]/"appName"/'
broken $campus '"parallel" cannot be "0"' 's/"parallel": 5/"parallel": 0/'
broken $campus '"parallel" cannot be more than 64' 's/"parallel": 5/"parallel": 65/'
broken $campus '"parallel" must be of type number' 's/"parallel": 5/"parallel": "5"/'
broken $campus '"page-size" cannot be more than 100000' 's/10000/100001/'
broken $campus '"page-size" cannot be "-1"' 's/10000/-1/'
broken $campus 'unknown basic-encoding "plain"' 's/"scopes"/"basic-encoding": "plain", "scopes"/'
broken $campus '"oauth1-method" cannot go without auth oauth1' 's/"scopes"/"oauth1-method": "HMAC-SHA1", "scopes"/'
broken $plus 'unknown oauth1-method "PLAINTEXT"' 's/"HMAC-SHA1"/"PLAINTEXT"/'
broken $plus '"client-auth" cannot go without auth oauth2' 's/"hints"/"client-auth": "basic", "hints"/'
broken $plus '"basic-encoding" cannot go without auth oauth2' 's/"hints"/"basic-encoding": "raw", "hints"/'
broken $plus '"token-query" cannot go without auth oauth2' 's/"hints"/"token-query": ["appName"], "hints"/'
broken $plus '"scopes" cannot go without auth oauth2' 's/"hints"/"scopes": "none", "hints"/'
broken $blackbaud '"token-url" cannot be "http://oauth2.sky.blackbaud.com/token"' 's/https:/http:/'
broken $blackbaud '"token-url" cannot go without auth oauth2' 's/"oauth2"\]/"bearer"]/; /"client-auth"/d'
broken $blackbaud '"token-at" cannot go without token-paths' 's/"headers"/"token-at": "host", "headers"/'
broken $blackbaud '"headers" cannot be "Bb-Api-Subscription-Key:"' 's/Key"\]/Key:"]/'
broken $generic '"hosts" and "paths" cannot go with generic, which stands for everybody else' \
	's/"auth"/"hosts": ["example.org"], "auth"/'

# Consumers.
broken $math 'unknown key "zipname"' 's/"zip-name": "O/"zipname": "O/'
broken $math 'missing key "title"' '/"title"/d'
broken $math '"title" must be of type string' 's/"title": .*/"title": 1,/'
broken $math '"notes" must be of type array' 's/"notes": \[/"notes": "x", "roles": [/'
broken $math '"notes" holds a control character' 's/"Every student/"\\nEvery student/'
broken $math 'files: unknown key "wanted"' 's/"required": \["orgs"/"wanted": ["orgs"/'
broken $math 'files: unknown table "people"' 's/"users", "enrollments"/"people", "enrollments"/'
broken $math 'files: "orgs" is both required and unwanted' 's/"demographics", /"orgs", /'
broken $kitaboo 'files: "users" is both required and ignored' 's/"demographics", /"users", /'
broken $math 'files: "unwanted" has "results" twice' 's/"demographics", /"results", /'
broken $math '"files" must be of type object' 's/"form": "zip",/"form": "zip", "files": [],/; /"files": {/,/}/d'
broken $math '"zip-name" cannot be "a/OneRoster.zip"' 's,"OneRoster.zip","a/OneRoster.zip",'
broken $math '"zip-name" cannot be "OneRoster"' 's/"OneRoster.zip"/"OneRoster"/'
broken $math '"zip-name" cannot go with form loose' 's/"form": "zip"/"form": "loose"/'
broken $math 'unknown form "tar"' 's/"form": "zip"/"form": "tar"/'
broken $math '"grades" cannot be "1,2"' 's/"1", "2"/"1,2"/'
broken $math '"grades" has "pk" twice' 's/"PK"/"pk"/'
broken $math 'required[0]: unknown column "users.grade"' 's/users.grades/users.grade/'
broken $math 'required[0]: unknown column "people.grades"' 's/users.grades/people.grades/'
broken $math 'required[0]: unknown column "grades"' 's/users.grades/grades/'
broken $math 'required[0]: "users.password" is always blank' 's/users.grades/users.password/'
broken $math 'required[0]: unknown role "pupil"' 's/"role": "student"/"role": "pupil"/'
broken $math 'required[0]: "role" goes with columns of users only' 's/users.grades/classes.grades/'
broken $math 'required[0]: unknown key "rule"' 's/"role": "student"/"rule": "student"/'
broken $math 'required[0]: missing key "column"' 's/"column": "users.grades", //'
broken $math 'required[0]: must be an object' 's/{ "column": .* }$/"users.grades"/'
broken $math 'required[1]: "users.grades" is there already' \
	's/{ "column": .* }$/{ "column": "users.grades" }, { "column": "users.grades", "unique": true }/'
broken $math '"required" must not be empty' 's/{ "column": .* }$//'
broken $math 'because: missing key "grades"' '/"grades": "ST/d'
broken $math 'because: unknown key "eol"' 's/"grades": "ST/"eol": "ST/'
broken $math 'because: unknown key "title"' 's/"because": {/"because": { "title": "x",/'
broken $math 'because: "grades" must not be empty' 's/"grades": "ST[^"]*"/"grades": ""/'
broken $hmh 'unknown empty "none"' 's/"empty": "header"/"empty": "none"/'
broken $hmh 'unknown quote "some"' 's/"quote": "all"/"quote": "some"/'
broken $hmh '"metadata" cannot be "users.positionTitle"' 's/users.metadata.positionTitle/users.positionTitle/'
broken $hmh '"metadata" cannot be "users.metadata.a b"' 's/users.metadata.positionTitle/users.metadata.a b/'
broken $hmh 'metadata: unknown table "people"' 's/users.metadata.positionTitle/people.metadata.positionTitle/'
broken $hmh '"metadata" must be of type array' 's/"metadata": \[.*\]/"metadata": {}/'
broken $sds 'missing key "title"' '/"title"/d'
broken $sds 'unknown key "note"' 's/"title"/"note": "x", "title"/'
broken $sds 'files[0]: "name" cannot be "roles.txt"' 's/roles.csv/roles.txt/'
broken $sds 'files[0]: missing key "columns"' 's/"columns"/"lacks"/; s/, "lacks": .*\]/ /'
broken $sds 'files[0]: unknown key "has"' 's/"lacks"/"has"/'
broken $hmh '"id-case" must be of type boolean' 's/"id-case": true/"id-case": "true"/'
broken $hmh '"text-max" must be of type number' 's/"text-max": 255/"text-max": "255"/'
broken $hmh '"class-max" cannot be "0"' 's/"class-max": 49/"class-max": 0/'
broken $hmh '"load-max" cannot be more than 1000000' 's/"load-max": 50/"load-max": 1000001/'
broken $moodle 'unknown metadata "all"' 's/"metadata": "none"/"metadata": "all"/'
broken $moodle '"enabled-only" must be of type boolean' 's/"enabled-only": true/"enabled-only": 1/'
broken $moodle '"text-chars" cannot be "é"' 's/"0123456789 .,-"/"\\u00e9"/'
broken $apple 'unknown eol "cr"' 's/"eol": "lf"/"eol": "cr"/'
broken $apple 'unknown role "Teacher"' 's/"student", "teacher"/"student", "Teacher"/'
broken $apple 'unknown org type "site"' 's/"district", "school"/"district", "site"/'
broken $apple '"id-chars" cannot be "a b"' 's/"0123456789.*-",$/"a b",/'
broken $apple 'required[0]: "unique" must be of type boolean' 's/"unique": true/"unique": "true"/'
broken $naviance '"zip-max" cannot be more than 1000000000000' 's/"zip-max": 1000000000/"zip-max": 1000000000001/'
broken $naviance '"zip-max" cannot be "1.5"' 's/"zip-max": 1000000000/"zip-max": 1.5/'
fresh
mv "$work/schemas/$hmh" "$work/schemas/consumers/HMH.json"
stops consumers/HMH.json '"name" cannot be "HMH"'
fresh
echo '{ "title": "x", "quote": "all" }' >"$work/schemas/$hmh"
stops $hmh 'missing key "because"'

# Files.
fresh
rm "$work/schemas/$users"
stops $users 'no such file'
fresh
cp "$work/schemas/$users" "$work/schemas/oneroster-1.1/people.json"
stops $standard '"order" lacks "people", which has a file'
fresh
rm "$work/schemas/$generic"
stops $generic 'no such file'
fresh
echo '[]' >"$work/schemas/$users"
stops $users 'must be an object'
fresh
echo '{ "endpoint": "users", "columns": [] }' >"$work/schemas/$users"
stops $users '"columns" must begin with sourcedId, status and dateLastModified'
fresh
echo '{ "endpoint": ' >"$work/schemas/$users"
generate
case $status:$output in
0:*) fail "accepted a file that is cut off" ;;
*"schemas/$users: "*) ;;
*) fail "a file that is cut off: $output" ;;
esac

if [ "$failures" -gt 0 ]; then
	echo "schema: $failures failures"
	exit 1
fi
echo "schema: all as it should be"
