-- Of all that a feed said about it when it was last imported: what agrees is not read again.
ALTER TABLE "product" ADD COLUMN "fingerprint" UUID;
