const names = /^npm_config_(registry|cafile|globalconfig|userconfig)$|_CA_CERTS$|^SSL_CERT|_proxy$/i

/** Environment of a registry of the caller's own, with its certificates and proxy. */
export const registrySettings = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => names.test(name)),
) as Record<string, string>
