-- The journal of each account is a hash chain: an entry's hash is SHA-256 over the hash before it and the
-- entry's own text, with what the entry stands for (the charge as asked, what the processor said, the
-- operation). Whoever alters a row must alter every hash after it, and then contradicts a signed
-- checkpoint. `accounts.head` holds the last hash whole; each entry keeps the first 16 bytes of its own, so
-- that verification can name the first entry that is wrong.
-- What may have to be erased for a person's sake (name and address of the card, e-mail, description,
-- metadata, shipping) is not in the text. A row's text is PostgreSQL's own of a row of the listed columns.

create function chain_genesis(p_account text, p_livemode boolean, p_terms jsonb) returns bytea
language sql immutable as $$
  select sha256(convert_to('tessera journal 1 ' || p_account || case when p_livemode then ' live'
    else ' test' end || coalesce(' ' || p_terms::text, ''), 'UTF8'))
$$;

create function chain_step(p_hash bytea, p_before bytea, p_text text) returns bytea
language plpgsql immutable as $$
begin
  return sha256(coalesce(p_hash, p_before) || convert_to(p_text, 'UTF8'));
end $$;

-- chain(head before the first, text) over (partition by account order by seq): the hash of each entry.
create aggregate chain(bytea, text) (sfunc = chain_step, stype = bytea);

create function text_of(j journal) returns text language sql stable as $$
  select case when j.fee is null and j.available_on is null then
      row(j.seq, j.type, j.subject, j.debit, j.credit, j.amount, j.currency, j.captured, j.refunded,
        j.request, (extract(epoch from j.created_at) * 1000000)::bigint)::text
    else
      row(j.seq, j.type, j.subject, j.debit, j.credit, j.amount, j.currency, j.captured, j.refunded,
        j.request, (extract(epoch from j.created_at) * 1000000)::bigint, j.fee,
        j.available_on - '1970-01-01'::date)::text end
$$;

create function text_of(c charges) returns text language sql stable as $$
  select row(c.id, c.amount, c.currency, c.capture, c.key, c.operation, c.mac, c.request, c.order_id,
    c.attempt_number, c.token, c.card_id, c.customer, c.brand, c.last4, c.exp_month, c.exp_year,
    c.fingerprint, c.funding, c.country, c.statement_descriptor)::text
    || case num_nonnulls(c.intent, c.intent_seq, c.intent_attempt, c.card_form, c.authentication)
         when 0 then '' else row(c.intent, c.intent_seq, c.intent_attempt, c.card_form, c.authentication)::text end
    || case num_nonnulls(c.statement_descriptor_suffix, c.transfer_group)
         when 0 then '' else row(c.statement_descriptor_suffix, c.transfer_group)::text end
$$;

create function text_of(a authorizations) returns text language sql stable as $$
  select row(a.id, a.amount, a.seq, a.network_code, a.risk_level, a.cvc_check, a.address_line1_check,
    a.address_zip_check, a.funding, a.country, a.processor_ref, a.decline)::text
    || case when a.available_now then 'now' else '' end
$$;

create function text_of(o operations) returns text language sql stable as $$
  select row(o.id, o.charge, o.kind, o.amount, o.currency, o.key, o.operation, o.mac, o.request,
    o.reason)::text || case when o.intent is null then '' else row(o.intent)::text end
$$;

-- What the processor said of an operation.
create function word_of(o operations) returns text language sql stable as $$
  select row(o.processor_ref, o.pending, o.decline)::text
$$;

-- What an entry stands for, as it was hashed.
create function content_of(j journal) returns text language sql stable as $$
  select case
    when j.type = 1 then (select text_of(c) from charges c
      where c.account_no = j.account_no and c.id = j.subject)
    when j.type in (2, 3) then (select text_of(a) from authorizations a
      where a.account_no = j.account_no and a.id = j.subject)
    when j.type = 4 then (select text_of(o) from operations o
      where o.account_no = j.account_no and o.id = j.subject)
    when j.type in (5, 13) then (select word_of(o) from operations o
      where o.account_no = j.account_no and o.charge = j.subject and o.seq = j.seq
        and o.kind = case j.type when 5 then 'capture' else 'increment' end)
    when j.type in (6, 8, 9, 14) then (select word_of(o) from operations o
      where o.account_no = j.account_no and o.id = j.subject)
  end
$$;
