-- A chargeback that a bank gave up again: a move, an event of the buyer's story and a posting of their own.
ALTER TABLE payment_move DROP CONSTRAINT payment_move_kind_known;
ALTER TABLE payment_move ADD CONSTRAINT payment_move_kind_known CHECK (
  kind IN ('capture', 'void', 'refund', 'chargeback', 'chargeback-won'));
ALTER TABLE payment_event DROP CONSTRAINT payment_event_kind_known;
ALTER TABLE payment_event ADD CONSTRAINT payment_event_kind_known CHECK (kind IN ('page', 'promised', 'held', 'captured',
  'collected', 'declined', 'voided', 'hold-expired', 'refund-started', 'refunded', 'refund-by-hand', 'chargeback',
  'chargeback-won'));
ALTER TABLE posting DROP CONSTRAINT posting_kind_known;
ALTER TABLE posting ADD CONSTRAINT posting_kind_known CHECK (
  kind IN ('taken', 'earned', 'refunded', 'refunded-by-hand', 'chargeback', 'chargeback-won', 'paid-out'));
