// Numbers that prove themselves to be something else: bank accounts, addresses of machines, UUIDs and
// parcels. They are taken out before card numbers are looked for, since parts of them would pass.

// Length of an IBAN by country (ISO 13616 registry).
const IBAN_LENGTHS = new Map(
  (
    "NO15 BE16 BI27 DK18 FI18 FO18 GL18 NL18 SD18 FK18 MK19 SI19 AT20 BA20 EE20 KZ20 LT20 LU20 MN20 XK20 " +
    "CH21 HR21 LI21 LV21 BG22 BH22 CR22 DE22 GB22 GE22 IE22 ME22 RS22 VA22 AE23 GI23 IL23 IQ23 OM23 SO23 TL23 " +
    "AD24 CZ24 ES24 MD24 PK24 RO24 SA24 SE24 SK24 TN24 VG24 LY25 PT25 ST25 IS26 TR26 AZ28 BY28 CY28 " +
    "DJ27 DO28 EG29 FR27 GR27 GT28 HN28 HU28 IT27 JO30 KW30 LB28 LC32 MC27 MR27 MT31 MU30 NI28 PL28 PS29 " +
    "QA29 RU33 SC31 SM27 SV28 UA29 YE30"
  )
    .split(" ")
    .map((entry) => [entry.slice(0, 2), Number(entry.slice(2))]),
);

// Whole, or in groups one separator apart.
const IBAN = /(?<![0-9A-Za-z])[A-Za-z]{2}[0-9]{2}(?:[ \-.]?[0-9A-Za-z]){11,29}/g;
const UUID = /(?<![0-9A-Za-z])[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}(?![0-9A-Za-z])/g;
const IPV6 = /(?<![0-9A-Za-z:])[0-9A-Fa-f:]{2,39}(?![0-9A-Za-z:])/g;
// Serial shipping container codes, and what American carriers print in groups of four.
const PARCEL = /(?<![0-9A-Za-z])(?:00|9[1-6])(?: ?[0-9]){18,20}(?! ?[0-9A-Za-z])/g;
// Identifiers of DHL's parcels and of licence plates (ISO/IEC 15459), which begin with their issuer.
const PLATE = /(?<![0-9A-Za-z])(?:JJD|JVGL|JD|GM)(?: ?[0-9]){10,20}(?! ?[0-9])/g;

/** The text with letters in place of such numbers, so that nothing reaches across them. */
export function withoutOtherNumbers(text: string): string {
  return text
    .replace(UUID, "uuid")
    .replace(IPV6, (found) => (isIpv6(found) ? "ip" : found))
    .replace(IBAN, withoutIban)
    .replace(PLATE, "parcel")
    .replace(PARCEL, (found) => (isParcel(found.replaceAll(" ", "")) ? "parcel" : found));
}

function isIpv6(text: string): boolean {
  const groups = text.split(":");
  if (groups.length < 3 || groups.some((group) => group.length > 4)) return false;
  return text.includes("::") ? groups.length <= 9 : groups.length === 8;
}

// What follows an IBAN may have been taken for a part of it, so only its country's length counts.
function withoutIban(found: string): string {
  const length = IBAN_LENGTHS.get(found.slice(0, 2).toUpperCase());
  if (length === undefined) return found;
  let taken = 0;
  let iban = "";
  while (iban.length < length && taken < found.length) {
    const sign = found.charAt(taken++);
    if (/[0-9A-Za-z]/.test(sign)) iban += sign;
  }
  return iban.length === length && isIban(iban) ? `iban${found.slice(taken)}` : found;
}

// ISO 7064, MOD 97-10.
function isIban(text: string): boolean {
  let rest = 0;
  for (const sign of text.slice(4) + text.slice(0, 4)) {
    const value = Number.parseInt(sign, 36);
    rest = (value < 10 ? rest * 10 + value : rest * 100 + value) % 97;
  }
  return rest === 1;
}

// The check digit of GS1 over all digits, or over the last fifteen (FedEx Ground 96).
const isParcel = (digits: string): boolean => isGs1(digits) || isGs1(digits.slice(-15));

/** Whether digits end in the check digit of GS1 (EAN, GTIN, SSCC): weights 1, 3, 1, 3 … from the right. */
export function isGs1(digits: string): boolean {
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    sum += (digits.charCodeAt(digits.length - 1 - i) - 48) * (i % 2 === 1 ? 3 : 1);
  }
  return sum % 10 === 0;
}
