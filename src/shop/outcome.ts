/** Thrown by an operation that a job runs when another company did not answer: the queue runs it again, later. */
export class OutcomeUnknown extends Error {}
