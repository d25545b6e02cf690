// The types of checkout.js, for a merchant's page or a test written in TypeScript.

export interface Card {
  number: string;
  exp_month: string | number;
  exp_year: string | number;
  cvc?: string;
  name?: string;
  address_line1?: string;
  address_zip?: string;
}

export interface Token {
  id: string;
  card: { brand: string; last4: string; exp_month: number; exp_year: number };
}

export interface Failure {
  type: string;
  code?: string;
  decline_code?: string;
  message: string;
  param?: string;
}

export interface Brand {
  name: string;
  label: string;
  prefixes: string[];
  lengths: number[];
  groups: number[];
  cvc: number;
}

export function createToken(options: {
  publishableKey: string;
  card: Card;
  base?: string;
}): Promise<{ token: Token } | { error: Failure }>;

export function digitsOf(text: string): string;
export function brandOf(number: string): Brand | undefined;
export function formatNumber(text: string): string;
export function formatExpiry(text: string): string;
export function parseExpiry(text: string): { month: number; year: number } | undefined;
export function isPast(expiry: { month: number; year: number }, now: Date): boolean;
export function passesLuhn(number: string): boolean;
export function isComplete(number: string): boolean;
