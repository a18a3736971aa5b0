-- Whether goods had been handed over when it was decided that money goes back: its receipt says so, and may never say
-- anything else. Times cannot tell: clocks of two processes differ, and who began earlier may write later.
ALTER TABLE "payment_move" ADD COLUMN "is_handed_over" BOOLEAN NOT NULL DEFAULT false;
UPDATE payment_move m SET is_handed_over = true
FROM payment p JOIN "order" o ON o.id = p.order_id
WHERE p.id = m.payment_id AND m.kind = 'refund' AND o.delivered_at <= m.created_at;
ALTER TABLE payment_move ADD CONSTRAINT payment_move_handed_over CHECK (NOT is_handed_over OR kind = 'refund');
