-- What a group costs counts while there are units for it: what everybody may buy, or what is set aside for groups. Whether
-- any of that is left is known by the campaign's own price.
CREATE TRIGGER campaign_price_aside_listing_is_due AFTER UPDATE ON campaign_price FOR EACH ROW
  WHEN ((OLD.aside_left > 0) <> (NEW.aside_left > 0))
  EXECUTE FUNCTION campaign_price_listing_is_due();

-- Listings that name what nobody can have.
INSERT INTO listing_due (product_id, due_at) SELECT product_id, '-infinity' FROM listing WHERE together_price IS NOT NULL;
