import type { Config } from '../config.ts'
import type { Log } from '../log.ts'
import type { ConnectionShares } from '../store/connection-shares.ts'
import type { Database } from '../store/database.ts'
import { type Credentials, createCredentials } from './credentials.ts'
import { createLimits, type Limits } from './limits.ts'
import { createProcessKey, type ProcessKey } from './process-key.ts'
import { createTokens, signingSecrets, type Tokens } from './tokens.ts'

/** Authentication, tokens and request limits of this node. */
export type Access = {
  /** Undefined without a signing secret, which only happens without authentication. */
  tokens: Tokens | undefined
  credentials: Credentials
  limits: Limits
  processKey: ProcessKey
  stop: () => Promise<void>
}

type Options = {
  config: Config
  db: Database
  shares: ConnectionShares
  masterKeys: readonly string[]
  log: Log
}

export function createAccess({ config, db, shares, masterKeys, log }: Options): Access {
  const secrets = signingSecrets(config, masterKeys)
  const tokens = secrets.length > 0 ? createTokens(secrets) : undefined
  const credentials = createCredentials({ db, shares, tokens, log })
  const limits = createLimits(db, log)
  return {
    tokens,
    credentials,
    limits,
    processKey: createProcessKey(),
    async stop() {
      await limits.stop()
      await credentials.stop()
    },
  }
}
