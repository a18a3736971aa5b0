-- A table whose columns were taken for what the shop had said of the last one with the same headers: nobody was asked.
ALTER TABLE "catalogue_import" ADD COLUMN "is_mapping_kept" BOOLEAN NOT NULL DEFAULT false;
ALTER TABLE catalogue_import ADD CONSTRAINT catalogue_import_kept_mapping
  CHECK (NOT is_mapping_kept OR (mapping IS NOT NULL AND columns IS NOT NULL));
