// A file of its own: the service's content security policy allows no script inside a page.
"use strict";
window.addEventListener("load", () => {
  SwaggerUIBundle({
    url: "openapi.json",
    dom_id: "#documentation",
    deepLinking: true,
    docExpansion: "full",
    defaultModelsExpandDepth: 1,
    defaultModelExpandDepth: 4,
    displayRequestDuration: true,
    tryItOutEnabled: true,
    // Nothing leaves this service: no remote validator, no configuration from the address bar.
    validatorUrl: null,
    queryConfigEnabled: false,
  });
});
