// What crosses between Workers on the path of every charge, as one text. RPC writes and reads an object field by field,
// each with its name, for three times the price of JSON; and its types do not follow a document's fields to their end.

declare const of: unique symbol;

/** The JSON of a value: no functions, no `undefined`, nothing that JSON has no word for. */
export type JsonOf<T> = string & { readonly [of]: T };

export const toJson = <T>(value: T): JsonOf<T> => JSON.stringify(value) as JsonOf<T>;

/** The value again. Whoever holds a `JsonOf` has it from us, so nothing is checked here. */
export const fromJson = <T>(text: JsonOf<T>): T => JSON.parse(text) as T;
