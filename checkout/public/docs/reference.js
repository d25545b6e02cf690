// Starts the reference on /openapi.json. Whatever Scalar offers that would ask another origin is off, and
// so is its client: requests are made by servers, as the samples show.

/** @type {any} */ (globalThis).Scalar?.createApiReference("#reference", {
  url: "/openapi.json",
  theme: "none",
  layout: "modern",
  withDefaultFonts: false,
  telemetry: false,
  hideClientButton: true,
  hideTestRequestButton: true,
  showDeveloperTools: "never",
  mcp: { disabled: true },
  agent: { disabled: true },
  documentDownloadType: "none",
  defaultHttpClient: { targetKey: "shell", clientKey: "curl" },
  modelsSectionLabel: "Objects",
  defaultOpenFirstTag: false,
});
