-- The few shards of budgets fit in some pages, most of which hold dead versions of their rows. Once these tables were analyzed, charges read all of them for each call. A migration that replaces these functions must repeat the settings.
alter function settle_budgets(text, text, budget_reservation, json, text) set enable_seqscan = off;
alter function charge_budgets(text, text, text, text[], budget_reservation, json, json, text) set enable_seqscan = off;
