-- What a past event or a used idempotency key says now: the subject's fixed columns joined with the
-- changeable ones as they stood at that event. Rendering the same facts gives the same bytes.

create function subject_at(p_no integer, p_subject text, p_id uuid, p_seq bigint, p_data jsonb)
returns jsonb language sql stable as $$
  select case p_subject
    when 'charge' then
      (select to_jsonb(c) || p_data from charges c where c.account_no = p_no and c.id = p_id)
    when 'operation' then
      (select to_jsonb(o) || p_data from operations o where o.account_no = p_no and o.id = p_id)
    when 'customer' then
      coalesce(
        (select to_jsonb(v) from customer_versions v where v.account_no = p_no and v.seq = p_seq),
        jsonb_build_object('customer', p_id, 'deleted', true))
  end
$$;

-- The state of the first request with a key. `subject` is what it made; while it has neither `seq`
-- nor `failure` the request is unfinished and `facts` are those of the unfinished subject.
create function answer_of(p_no integer, p_key text) returns jsonb language sql stable as $$
  select jsonb_build_object(
    'request', k.request,
    'operation', k.operation,
    'subject', k.object,
    'seq', k.seq,
    'failure', k.failure,
    'kind', coalesce(t.subject, case
      when exists (select from charges c where c.account_no = p_no and c.id = k.object) then 'charge'
      else 'operation' end),
    'facts', coalesce(
      subject_at(p_no, t.subject, e.subject, e.seq, e.data),
      (select to_jsonb(c) from charges c where c.account_no = p_no and c.id = k.object),
      (select to_jsonb(o) || jsonb_build_object('charge_processor_ref', c.processor_ref)
         from operations o join charges c on c.account_no = o.account_no and c.id = o.charge
        where o.account_no = p_no and o.id = k.object)))
  from idempotency_keys k
  left join events e on e.account_no = k.account_no and e.seq = k.seq
  left join event_types t on t.code = e.type
  where k.account_no = p_no and k.key = p_key
$$;
