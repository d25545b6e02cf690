-- What the numbers in the ledger's rows stand for.

-- The names of journal entries by their code; `public` ones are shown to merchants as events.
create table event_types (
  code smallint primary key,
  name text not null unique,
  subject text not null check (subject in ('charge', 'operation', 'customer', 'object')),
  public boolean not null
);
insert into event_types values
  (1, 'charge.pending', 'charge', false),
  (2, 'charge.succeeded', 'charge', true),
  (3, 'charge.failed', 'charge', true),
  (4, 'operation.pending', 'operation', false),
  (5, 'charge.captured', 'charge', true),
  (6, 'refund.created', 'operation', true),
  (7, 'charge.refunded', 'charge', true),
  (8, 'refund.failed', 'operation', true),
  (9, 'capture.failed', 'operation', false),
  (10, 'customer.created', 'customer', true),
  (11, 'customer.updated', 'customer', true),
  (12, 'customer.deleted', 'customer', true),
  (13, 'charge.incremented', 'charge', false),
  (14, 'increment.failed', 'operation', false),
  (20, 'payment_intent.created', 'object', true),
  (21, 'payment_intent.updated', 'object', false),
  (22, 'payment_intent.canceled', 'object', true),
  (23, 'payment_intent.requires_action', 'object', true),
  (24, 'payment_intent.payment_failed', 'object', true),
  (30, 'setup_intent.created', 'object', true),
  (31, 'setup_intent.updated', 'object', false),
  (32, 'setup_intent.canceled', 'object', true),
  (33, 'setup_intent.requires_action', 'object', true),
  (34, 'setup_intent.succeeded', 'object', true),
  (35, 'setup_intent.setup_failed', 'object', true),
  (40, 'payment_method.created', 'object', false),
  (41, 'payment_method.attached', 'object', true),
  (42, 'payment_method.detached', 'object', true),
  (43, 'payment_method.updated', 'object', true),
  (44, 'payment_method.deleted', 'object', false),
  (50, 'charge.dispute.created', 'object', true),
  (51, 'charge.dispute.updated', 'object', true),
  (52, 'charge.dispute.closed', 'object', true),
  (53, 'charge.dispute.funds_withdrawn', 'object', true),
  (54, 'charge.dispute.funds_reinstated', 'object', true),
  (60, 'payout.created', 'object', true),
  (61, 'payout.updated', 'object', true),
  (62, 'payout.paid', 'object', true),
  (63, 'payout.failed', 'object', true),
  (64, 'payout.canceled', 'object', true),
  (70, 'webhook_endpoint.created', 'object', false),
  (71, 'webhook_endpoint.updated', 'object', false),
  (72, 'webhook_endpoint.deleted', 'object', false),
  (73, 'webhook_endpoint.disabled', 'object', true),
  (80, 'charge.updated', 'object', true),
  (81, 'refund.updated', 'object', true);

-- The ledger accounts of each merchant. `processor`: what the acquirer owes us. `merchant`: what we owe.
-- `fees`: what the merchant paid us. `payouts`: what was sent to his bank.
create table ledger_accounts (
  code smallint primary key,
  name text not null unique
);
insert into ledger_accounts values (1, 'processor'), (2, 'merchant'), (3, 'fees'),
  (4, 'payouts');
