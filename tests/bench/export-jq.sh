#!/bin/sh
# The same job with curl and jq: sh tests/bench/export-jq.sh URL FOLDER [PAGE_SIZE]
# Writes the six CSV files into FOLDER, without manifest and zip. Like export.py it promises nothing.
set -eu
url=$1
folder=$2
size=${3:-5000}

token=$(curl -sSf -d grant_type=client_credentials "$url/token" | jq -r .access_token)

# collection NAME COLUMNS EXPRESSION: the pages of a collection to a CSV file. EXPRESSION gives the cells behind the first
# three, from a record.
collection() {
	total=$(curl -sSfI -H "Authorization: Bearer $token" "$url/ims/oneroster/v1p1/$1?limit=$size&offset=0" |
		tr -d '\r' | sed -n 's/^[Xx]-[Tt]otal-[Cc]ount: //p')
	{
		echo "sourcedId,status,dateLastModified,$2"
		seq 0 "$size" "$total" |
			sed "s|.*|url = $url/ims/oneroster/v1p1/$1?limit=$size\&offset=&\&sort=sourcedId\&orderBy=asc|" |
			curl -sSf --compressed -H "Authorization: Bearer $token" -K - |
			jq -r "def words: [(. // [])[] | gsub(\",\"; \"\")] | join(\",\"); def refs: [(. // [])[].sourcedId] | join(\",\");
				.$1[] | select(.status == \"active\") | [.sourcedId, \"\", \"\", $3] | @csv"
	} >"$folder/$1.csv"
}

collection orgs name,type,identifier,parentSourcedId '.name, .type, .identifier, .parent.sourcedId'
collection academicSessions title,type,startDate,endDate,parentSourcedId,schoolYear \
	'.title, .type, .startDate[:10], .endDate[:10], .parent.sourcedId, .schoolYear'
collection courses schoolYearSourcedId,title,courseCode,grades,orgSourcedId,subjects,subjectCodes \
	'.schoolYear.sourcedId, .title, .courseCode, (.grades | words), .org.sourcedId, (.subjects | words),
	(.subjectCodes | words)'
collection classes title,grades,courseSourcedId,classCode,classType,location,schoolSourcedId,termSourcedIds,\
subjects,subjectCodes,periods \
	'.title, (.grades | words), .course.sourcedId, .classCode, .classType, .location, .school.sourcedId, (.terms | refs),
	(.subjects | words), (.subjectCodes | words), (.periods | words)'
collection users enabledUser,orgSourcedIds,role,username,userIds,givenName,familyName,middleName,identifier,email,sms,\
phone,agentSourcedIds,grades,password \
	'.enabledUser, (.orgs | refs), .role, .username, ([(.userIds // [])[] | "{\(.type):\(.identifier)}"] | join(",")),
	.givenName, .familyName, .middleName, .identifier, .email, .sms, .phone, (.agents | refs), (.grades | words), ""'
collection enrollments classSourcedId,schoolSourcedId,userSourcedId,role,primary,beginDate,endDate \
	'.class.sourcedId, .school.sourcedId, .user.sourcedId, .role, .primary, .beginDate[:10], .endDate[:10]'
