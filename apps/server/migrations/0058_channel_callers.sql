-- The secret of the client that introspects tokens of a channel's callers, sealed for the endpoint and the client of the settings.
alter table agent_channels add column client_secret text;

-- `sessions.channel_key_id` is the key of a session, or `idp_` and a hash: the identity provider of its user. Its users are other people than those of another one.

-- The subjects of the budgets that apply to a session. A user of a channel is a subject with the channel and the key.
create or replace function budget_subjects(s sessions) returns text[] language sql immutable as $$
  select array['organization ' || (s).org_id, 'agent ' || (s).agent_id, 'session ' || (s).id,
    case when (s).channel_id is null then 'end_user ' || (s).user_id end, 'user ' || (s).account_id,
    'agent_channel ' || (s).channel_id, 'api_key ' || coalesce((s).channel_key_id, (s).api_key_id),
    'channel_user ' || (s).channel_id || ' ' || (s).channel_key_id || ' ' || (s).user_id]
$$;

-- For an image that was uploaded without a session: the end user whose sessions alone have used it, with whom it is deleted. The empty text: others have used it too. Null: no message has used it.
alter table images add column used_by text;

-- When a budget last refused a call that did not fit, running calls aside.
alter table budgets add column refused_at timestamptz(3);

-- As before, and records that a call was refused. Contract: the caller has locked the budget.
create or replace function budget_refusal(b budgets, reason text, call json, fair_output bigint, least_output bigint, warnings json[]) returns json language plpgsql as $$
declare
  input numeric := (call->>'input_tokens')::numeric;
  dollars numeric := (call->>'input_cost')::numeric;
  price numeric := (call->>'output_price')::numeric;
  needed numeric := budget_need(b.currency, input, dollars, price, fair_output);
  least_needed numeric := budget_need(b.currency, input, dollars, price, least_output);
  contended boolean := b.status = 'active' and b.reserved + b.lent > 0 and budget_left(b) + b.reserved + b.lent >= least_needed;
begin
  if reason = 'exhausted' and not contended then
    update budgets u set refused_at = clock_timestamp() where u.id = b.id;
  end if;
  return json_build_object('warnings', warnings, 'refused', json_build_object(
    'reason', reason, 'on_exhausted', b.on_exhausted, 'needed', needed, 'least', least_needed,
    'contended', contended, 'budget', budget_event(b, null), 'ends_at', b.period_ends_at));
end
$$;
