/*
 * Ending the program where no caller could go on, as when there is no memory: one sentence, the last steps others asked
 * for, the exit status of ERR_OTHER. No core is dumped: it would hold the records of children.
 * Owns nothing but a little memory put by for the last steps.
 */
#ifndef BASE_END_H
#define BASE_END_H

/* A step, such as to remove a file that must not be left behind. Lives in the memory of who asks for it. */
struct end_step {
	struct end_step *next;
	void (*run)(void *context);
	void *context;
};

/* Has run called if the program ends by end_now, before steps that were added earlier; on any thread, so that it had
 * better do nothing but remove files. */
void end_add(struct end_step *step, void (*run)(void *context), void *context);

/* The step is not needed any more. Fine if it never was added. */
void end_remove(struct end_step *step);

/* Says why and ends the program. */
_Noreturn void end_now(const char *why);

#endif
