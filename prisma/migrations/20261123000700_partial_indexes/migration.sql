-- Each purchase asks how many orders its person has not paid for, and each tick what is due: neither should read past what
-- is settled, nor what is settled be kept in their indexes.
DROP INDEX "order_state_choose_until_idx";
CREATE INDEX order_undecided ON "order" (choose_until) WHERE state = 'awaiting_choice';
CREATE INDEX order_unpaid_of_person ON "order" (person_id) WHERE state = 'awaiting_payment';
DROP INDEX "order_state_expires_at_idx";
CREATE INDEX order_unpaid ON "order" (expires_at) WHERE state = 'awaiting_payment';
-- A hold ends with its order; nobody looks for it here.
DROP INDEX "seat_state_held_until_idx";
