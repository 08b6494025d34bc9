import type { Config } from '../config.ts'
import type { Log } from '../log.ts'
import type { Secrets } from '../secrets.ts'
import type { ConnectionShares } from '../store/connection-shares.ts'
import type { Database } from '../store/database.ts'
import { type Credentials, createCredentials } from './credentials.ts'
import { createIdentities } from './identity/identities.ts'
import type { ReachIssuers } from './identity/key-sets.ts'
import { createLimits, type RateLimits } from './limits.ts'
import { createProcessKey, type ProcessKey } from './process-key.ts'
import { createTokens, signingSecrets, type Tokens } from './tokens.ts'

/** Authentication, tokens and request limits of this node. */
export type Access = {
  /** Undefined without a signing secret, which only happens without authentication. */
  tokens: Tokens | undefined
  credentials: Credentials
  limits: RateLimits
  processKey: ProcessKey
  stop: () => Promise<void>
}

type Options = {
  config: Config
  db: Database
  shares: ConnectionShares
  masterKeys: readonly string[]
  secrets: Secrets | undefined
  /** Reaches the identity providers of an organization. */
  reach: ReachIssuers
  log: Log
}

export function createAccess(options: Options): Access {
  const { config, db, shares, masterKeys, log } = options
  const signing = signingSecrets(config, masterKeys)
  const tokens = signing.length > 0 ? createTokens(signing) : undefined
  const identities = createIdentities(options)
  const credentials = createCredentials({ config, db, shares, tokens, identities, log })
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
