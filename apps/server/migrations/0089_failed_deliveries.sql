-- concurrently
create index concurrently if not exists webhook_deliveries_failed on webhook_deliveries (webhook_id, created_at desc, event_id desc) where status = 'failed';
