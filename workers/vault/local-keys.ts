// Keys for development on one machine: derived as `secret` does, from roots that lie in a file beside the
// databases. It says so once in each isolate's log, and seals no live card.

import { SecretKeyProvider } from "./secret-keys.ts";

let isSaid = false;

export class LocalKeyProvider extends SecretKeyProvider {
  override readonly name = "local";
  override readonly holdsLive = false;

  constructor(...roots: ConstructorParameters<typeof SecretKeyProvider>) {
    super(...roots);
    if (isSaid) return;
    isSaid = true;
    console.warn(
      "KEY_PROVIDER is local: CARD KEYS LIE IN A FILE OF THIS MACHINE. For development only; live cards are refused.",
    );
  }
}
