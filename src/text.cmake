# Turns a text file into a constant of C: cmake -DINPUT=FILE -DNAME=IDENTIFIER -DHEADER=HEADER -DOUTPUT=FILE -P text.cmake
# HEADER is the include file that declares `extern const char IDENTIFIER[];`.
cmake_minimum_required(VERSION 3.18)

file(READ "${INPUT}" text)
string(REPLACE "\\" "\\\\" text "${text}")
string(REPLACE "\"" "\\\"" text "${text}")
string(REPLACE "\t" "" text "${text}")
string(REPLACE "\n" "\\n\"\n\t\"" text "${text}")
get_filename_component(file "${INPUT}" NAME)
file(WRITE "${OUTPUT}" "/* Made from ${file}. Changes belong there. */
#include \"${HEADER}\"

const char ${NAME}[] =
	\"${text}\";
")
