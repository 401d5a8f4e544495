/*
 * The log: the only writer to stderr apart from main's last word. One line a message, with a subject.
 * cmd/ and src/ log; the parts return errors and findings instead (debug lines of fetch excepted).
 *
 * A line is harmless on a terminal and to whatever collects logs: control characters become blanks, bytes that are not
 * UTF-8 the replacement character. Secrets and people's data are the caller's to leave out.
 *
 * Where stderr leads straight to the journal of systemd (JOURNAL_STREAM names its device and inode), a text line begins
 * with the priority that the journal takes from it, and the journal writes the name of the program itself.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

enum log_level {
	LOG_NOTICE, /* what was asked for: written in any case */
	LOG_ERROR,
	LOG_WARNING,
	LOG_INFO,
	LOG_DEBUG,
};

enum log_format {
	LOG_TEXT, /* rosterzip: warning: users: ...; in the journal <4>users: ... (<5>, <3>, <4>, <6>, <7>) */
	LOG_JSON, /* {"time":"...Z","level":"warning","subject":"users","text":"..."} */
};

/* Sets what is written (this level and graver ones) and how. Before it is called: LOG_WARNING, LOG_TEXT. */
void log_open(enum log_level most, enum log_format format);

/* Writes one line if the level is wanted. The subject says what it is about ("users", "guard"); NULL for none. A
 * text longer than 4095 bytes is cut. Leaves errno as it was. */
void log_line(enum log_level level, const char *subject, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The last word of a process that hangs: one error line from any thread, without memory, locks or waiting; nothing
 * where stderr does not take it at once. The text is written as it is. */
void log_last(const char *text);

/* Has hook called before each line that is written, so that a progress line can erase itself. NULL for none. */
void log_before(void (*hook)(void));

#endif
