-- What a charge is now, what a past event says, and what a used key says: the written columns joined with
-- what had changed by then. Rendering the same facts gives the same bytes.

-- An intent's document is the one of its last change: only who tells of the past asks for another.
create function document_at(p_no integer, p_id uuid, p_seq bigint) returns jsonb
language sql stable as $$
  select v.document from object_versions v
   where v.account_no = p_no and v.id = p_id and v.seq <= p_seq order by v.seq desc limit 1
$$;

-- The dispute of a charge, if the entries up to one told of it.
create function dispute_of(p_no integer, p_charge uuid, p_seq bigint) returns uuid
language sql stable as $$
  select o.id from objects o
   where o.account_no = p_no and o.parent = p_charge and o.type = 'dispute'
     and exists (select from object_versions v
       where v.account_no = p_no and v.id = o.id and v.seq <= p_seq)
   order by o.id limit 1
$$;

-- A charge and what the processor said of it. `offset 0` keeps the planner from scanning either for a row.
-- The amount with its increments, what was changed of it since, and its dispute are as they are now: who tells of the
-- past replaces them.
create view charge_facts as
  select c.account_no, c.id, coalesce(a.state, 'opened') as state,
         c.amount + coalesce(a.raised, 0) as amount, c.currency, c.capture,
         c.key, c.operation, c.request, c.token, c.card_id, c.customer, c.brand, c.last4, c.exp_month,
         c.exp_year, c.fingerprint, coalesce(a.funding, c.funding) as funding,
         coalesce(a.country, c.country) as country, c.card_name, c.address_line1, c.address_zip,
         c.description, c.receipt_email, c.statement_descriptor, c.metadata, a.processor_ref,
         a.network_code, a.risk_level, a.cvc_check, a.address_line1_check, a.address_zip_check,
         a.decline, coalesce(a.amount_captured, 0) as amount_captured,
         coalesce(a.amount_refunded, 0) as amount_refunded, a.balance_seq, a.seq, c.intent,
         c.intent_seq, c.intent_attempt, c.card_form, c.authentication,
         case when c.intent is not null then document_at(c.account_no, c.intent, 9223372036854775807)
           end as intent_document,
         (select v.document from object_versions v where v.account_no = c.account_no and v.id = c.id
           order by v.seq desc limit 1) as changes,
         c.statement_descriptor_suffix, c.transfer_group, c.shipping,
         (select o.id from objects o where o.account_no = c.account_no and o.parent = c.id
             and o.type = 'dispute' order by o.id limit 1) as dispute,
         a.raised
    from charges c
    left join lateral (select * from authorizations a
      where a.account_no = c.account_no and a.id = c.id offset 0) a on true;

-- What was authorized of a charge before the increments that came after an entry, in its field; nothing for a charge
-- that has none.
create function amount_at(p_no integer, p_id uuid, p_amount integer, p_raised integer, p_seq bigint)
returns jsonb language sql stable as $$
  select case when p_raised is null then '{}' else jsonb_build_object('amount', p_amount - (
    select coalesce(sum(o.amount), 0) from operations o
     where o.account_no = p_no and o.charge = p_id and o.kind = 'increment' and o.state = 'succeeded'
       and o.seq > p_seq)) end
$$;

-- The state of a charge that an entry of this type leaves, given what is captured of it.
create function charge_state_after(p_type smallint, p_captured integer) returns text
language sql immutable as $$
  select case p_type when 1 then 'opened' when 3 then 'failed'
    when 7 then case p_captured when 0 then 'released' else 'captured' end
    else case p_captured when 0 then 'authorized' else 'captured' end end
$$;

-- A charge as the entries up to one left it.
create function charge_at(p_no integer, p_id uuid, p_seq bigint) returns jsonb
language sql stable as $$
  select to_jsonb(f) || jsonb_build_object(
      'state', case when f.seq is null or f.seq > p_seq then 'opened' when f.state = 'failed' then 'failed'
        when f.balance_seq <= p_seq then 'captured' when r.released then 'released' else 'authorized' end,
      'amount_captured', case when f.balance_seq <= p_seq then f.amount_captured else 0 end,
      'amount_refunded', r.refunded,
      'balance_seq', case when f.balance_seq <= p_seq then f.balance_seq end,
      'intent_document', document_at(p_no, f.intent, p_seq),
      'changes', document_at(p_no, f.id, p_seq), 'dispute', dispute_of(p_no, f.id, p_seq))
      || amount_at(p_no, p_id, f.amount, f.raised, p_seq)
    from charge_facts f,
         lateral (select coalesce(bool_or(o.kind = 'release'), false) as released,
             coalesce(sum(o.amount), 0) as refunded
           from operations o where o.account_no = p_no and o.charge = p_id
             and o.kind in ('refund', 'release') and o.state = 'succeeded' and o.seq <= p_seq
             and (o.reversed_seq is null or o.reversed_seq > p_seq)) r
   where f.account_no = p_no and f.id = p_id
$$;

-- An operation, with what was changed of it since.
create view operation_facts as
  select o.*, (select v.document from object_versions v where v.account_no = o.account_no
             and v.id = o.id order by v.seq desc limit 1) as changes
    from operations o;

-- The same as the entries up to one left it; its own end is in the row.
create function operation_at(o operations, p_seq bigint) returns jsonb language sql stable as $$
  select to_jsonb(o) || jsonb_build_object(
    'reversed_seq', case when o.reversed_seq <= p_seq then o.reversed_seq end,
    'changes', document_at(o.account_no, o.id, p_seq))
$$;

-- The posting of an entry as the merchant's balance saw it.
create function posting_of(j journal) returns jsonb language sql stable as $$
  select jsonb_build_object('seq', j.seq, 'type', j.type, 'currency', j.currency,
    'amount', case when j.credit = 2 then j.amount else -j.amount end, 'fee', coalesce(j.fee, 0),
    'created', floor(extract(epoch from j.created_at))::bigint)
$$;

-- What the entries of an object moved, up to one, as the merchant's balance saw it.
create function postings_of(p_no integer, p_id uuid, p_seq bigint) returns jsonb
language sql stable as $$
  select coalesce(jsonb_agg(posting_of(j) order by j.seq), '[]')
    from object_versions v
    join journal j on j.account_no = p_no and j.seq = v.seq and j.amount is not null
   where v.account_no = p_no and v.id = p_id and v.seq <= p_seq
$$;

-- An object as one entry left it, with the latest charge it knew of then; its document may have been erased.
create function object_facts(p_no integer, p_id uuid, p_seq bigint) returns jsonb
language sql stable as $$
  select jsonb_build_object('id', o.id, 'type', o.type, 'seq', p_seq, 'customer', o.customer,
      'parent', o.parent, 'token', o.token, 'document', v.document, 'charge',
      case when o.type = 'charge' then charge_at(p_no, p_id, p_seq)
        when v.document ? 'attempts' then (select charge_at(p_no, c.id, p_seq) from charges c
        where c.account_no = p_no and c.intent = p_id
          and c.intent_attempt = (v.document ->> 'attempts')::smallint) end,
      'operation', case when o.type = 'refund' then (select operation_at(w, p_seq)
        from operations w where w.account_no = p_no and w.id = p_id) end,
      'postings', case when o.type in ('dispute', 'refund') then postings_of(p_no, p_id, p_seq) end)
    from objects o
    left join object_versions v on v.account_no = p_no and v.id = p_id and v.seq = p_seq
   where o.account_no = p_no and o.id = p_id
$$;

-- The subject of an entry as it stood then.
create function subject_of(j journal) returns jsonb language sql stable as $$
  select case
    when j.type = 1 then
      (select to_jsonb(c) || '{"state":"opened","amount_captured":0,"amount_refunded":0}'
              || jsonb_build_object('intent_document', document_at(c.account_no, c.intent, c.intent_seq))
         from charges c
        where c.account_no = j.account_no and c.id = j.subject)
    when j.type in (2, 3, 5, 7, 13) then
      (select to_jsonb(f) || jsonb_build_object('state', charge_state_after(j.type, j.captured),
                'amount_captured', j.captured, 'amount_refunded', j.refunded,
                'balance_seq', case when f.balance_seq <= j.seq then f.balance_seq end)
              || jsonb_build_object('changes', document_at(f.account_no, f.id, j.seq),
                'dispute', case when f.dispute is not null
                  then dispute_of(f.account_no, f.id, j.seq) end)
              || case when f.intent is null then '{}' else jsonb_build_object('intent_document',
                document_at(f.account_no, f.intent, j.seq)) end
              || amount_at(f.account_no, f.id, f.amount, f.raised, j.seq)
         from charge_facts f where f.account_no = j.account_no and f.id = j.subject)
    when j.type in (4, 6, 8, 9, 14) then
      (select operation_at(o, j.seq) || jsonb_build_object('state',
                case j.type when 4 then 'opened' when 6 then 'succeeded' else 'failed' end)
              || case j.type when 4 then '{"balance_seq":null}' else '{}' end::jsonb
         from operations o where o.account_no = j.account_no and o.id = j.subject)
    when j.type >= 20 then object_facts(j.account_no, j.subject, j.seq)
    else
      coalesce(
        (select to_jsonb(v) from customer_versions v
          where v.account_no = j.account_no and v.seq = j.seq),
        jsonb_build_object('customer', j.subject, 'deleted', true))
  end
$$;

-- What is told of a capture, release or increment that the processor refused; an increment that the cardholder's bank
-- declined is told like a charge that it declined.
create function refusal_of(o operations) returns jsonb language sql stable as $$
  select case when o.decline is null then
      jsonb_build_object('kind', 'processor_refused', 'operation', o.kind)
    else jsonb_strip_nulls(jsonb_build_object('kind', 'card_declined', 'charge', o.charge,
      'code', o.decline ->> 'code', 'declineCode', o.decline ->> 'decline_code',
      'message', o.decline ->> 'message', 'networkDeclineCode', o.decline ->> 'network_code')) end
$$;

-- How the first request with a key stands: ended with facts or a failure, or unfinished.
create function answer_of(p_no integer, p_key text) returns jsonb language sql stable as $$
  select jsonb_build_object('request', f.request, 'ended', f.state <> 'opened', 'kind', 'charge',
      'facts', to_jsonb(f) || case when f.state <> 'opened' then jsonb_build_object(
        'state', case when f.state = 'failed' then 'failed' when f.capture then 'captured'
          else 'authorized' end,
        'amount', f.amount - coalesce(f.raised, 0),
        'amount_captured', case when f.state <> 'failed' and f.capture then f.amount else 0 end,
        'amount_refunded', 0, 'changes', null, 'dispute', null,
        'balance_seq', case when f.state <> 'failed' and f.capture then f.seq end)
        else '{}' end
        || case when f.intent is null then '{}' else jsonb_build_object('intent_document',
          document_at(f.account_no, f.intent, f.intent_seq)) end)
    from charge_facts f where f.account_no::text || '/' || f.key = p_no::text || '/' || p_key
  union all
  select case
      when o.state = 'failed' and o.kind <> 'refund' then jsonb_build_object('request', o.request,
        'failure', refusal_of(o))
      when o.state = 'succeeded' and o.kind in ('capture', 'increment') then
        (select jsonb_build_object('request', o.request, 'ended', true, 'kind', 'charge',
                  'facts', subject_of(j))
           from journal j where j.account_no = o.account_no and j.seq = o.seq)
      else jsonb_build_object('request', o.request, 'ended', o.state <> 'opened', 'kind', 'operation',
        'facts', operation_at(o, coalesce(o.seq, 0)) || case o.state when 'opened' then
          (select jsonb_build_object('charge_processor_ref', a.processor_ref)
             from authorizations a where a.account_no = o.account_no and a.id = o.charge)
          else '{}' end)
    end
    from operations o where o.account_no::text || '/' || o.key = p_no::text || '/' || p_key
  union all
  select case when k.failure is not null then
      jsonb_build_object('request', k.request, 'failure', k.failure)
    else (select jsonb_build_object('request', k.request, 'ended', true, 'kind',
                   case when j.type >= 20 then 'object' else 'customer' end, 'facts', subject_of(j))
            from journal j where j.account_no = k.account_no and j.seq = k.seq) end
    from idempotency_keys k where k.account_no = p_no and k.key = p_key
  limit 1
$$;
