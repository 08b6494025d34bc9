import assert from 'node:assert/strict'
import test from 'node:test'
import { ConfigError, readConfig, unusedVariables } from './config.ts'

const key = Buffer.alloc(32).toString('base64')
const other = Buffer.alloc(32, 1).toString('base64')

test('unset and empty variables have defaults', () => {
  const config = readConfig({ PORT: '' })
  assert.deepEqual([config.PORT, config.HOST, config.ROLE], [9000, '127.0.0.1', 'all'])
  assert.match(config.DATA_DIR, /data$/)
})

test('an invalid value is reported in one line that names the setting', () => {
  const wrong: Record<string, string>[] = [
    { PORT: 'http' },
    { PORT: '70000' },
    { PORT: '1.5' },
    { PORT: ' ' },
    { PORT: '0x1e' },
    { PORT: '1e3' },
    { ROLE: 'boss' },
    { AUTH_MODE: 'open' },
    { LOG_LEVEL: 'loud' },
    { DATABASE_URL: 'mysql://x' },
    { DATABASE_URL: 'localhost' },
    { REDIS_URL: 'localhost:6379' },
    { REDIS_URL: 'redis://' },
    { REDIS_URL: 'http://localhost:6379' },
    { SECRETS_ENCRYPTION_KEY: 'secret' },
    { SECRETS_ENCRYPTION_KEY: 'kek-v1:c2hvcnQ=' },
    { SECRETS_ENCRYPTION_KEY: `kek v1:${key}` },
    { SECRETS_ENCRYPTION_KEY: `kek-v1:${key}:` },
    { SECRETS_ENCRYPTION_KEY: `kek-v1:${key.replace('A', '!')}` },
    { SECRETS_ENCRYPTION_KEY_PREVIOUS: `kek-v1:${key}` },
    { SECRETS_ENCRYPTION_KEY_PREVIOUS: 'kek-v1', SECRETS_ENCRYPTION_KEY: `kek-v2:${key}` },
    { SECRETS_ENCRYPTION_KEY: `kek-v1:${key}`, SECRETS_ENCRYPTION_KEY_PREVIOUS: `kek-v1:${other}` },
    { SECRETS_ENCRYPTION_KEY: `kek-v1:${key}`, SECRETS_ENCRYPTION_KEY_PREVIOUS: `kek-v2:${key}` },
    { ALLOW_OPEN_ACCESS: 'maybe' },
    { CORS_ALLOWED_ORIGINS: 'https://a.example/path' },
    { CORS_ALLOWED_ORIGINS: '*' },
    { ALLOWED_HOSTS: '*.example.com' },
    { ALLOWED_HOSTS: 'https://agents.example.com' },
    { ALLOWED_HOSTS: 'agents.example.com:port' },
    { ALLOWED_HOSTS: 'user@agents.example.com' },
    { TURN_ITERATIONS_MAX: '0' },
    { TRUST_PROXY: 'proxy.example' },
    { TRUST_PROXY: '10.0.0.0/33' },
    { TRUST_PROXY: '10.0.0.1,10.0.0.0/' },
    { TRUST_PROXY: 'fc00::/129' },
  ]
  for (const env of wrong) {
    const [name] = Object.keys(env)
    assert.throws(
      () => readConfig(env),
      (error: Error) =>
        error instanceof ConfigError &&
        error.message.startsWith(name!) &&
        !error.message.includes('\n'),
      JSON.stringify(env),
    )
  }
})

test('previous master keys are a list', () => {
  const keys = [`kek-v1:${key}`, `kek-v2:${other}`]
  const { SECRETS_ENCRYPTION_KEY_PREVIOUS: previous } = readConfig({
    SECRETS_ENCRYPTION_KEY: `kek-v3:${Buffer.alloc(32, 2).toString('base64')}`,
    SECRETS_ENCRYPTION_KEY_PREVIOUS: ` ${keys.join(' , ')},`,
  })
  assert.deepEqual(previous, keys)
})

test('the error for an invalid secret does not contain it', () => {
  const secret = 'kek-v1:bm90IDMyIGJ5dGVz'
  assert.throws(
    () => readConfig({ SECRETS_ENCRYPTION_KEY: secret }),
    (error: Error) => !error.message.includes(secret),
  )
})

test('an open address without authentication requires ALLOW_OPEN_ACCESS', () => {
  for (const HOST of ['0.0.0.0', '::', '192.168.1.4', 'example.com', '127.evil.com', '127.1']) {
    assert.throws(() => readConfig({ HOST }), /HOST .*ALLOW_OPEN_ACCESS/)
    assert.equal(readConfig({ HOST, ALLOW_OPEN_ACCESS: 'true' }).HOST, HOST)
  }
  for (const HOST of ['127.0.0.1', '::1', 'localhost', '127.8.8.8']) readConfig({ HOST })
})

test('a client of an OpenID provider requires its issuer', () => {
  const env = {
    AUTH_MODE: 'full',
    AUTH_BASE_URL: 'https://agents.example.com',
    AUTH_OIDC_CLIENT_ID: 'id',
    AUTH_OIDC_CLIENT_SECRET: 'secret',
  }
  assert.throws(() => readConfig(env), /AUTH_OIDC_CLIENT_ID requires AUTH_OIDC_ISSUER/)
})

test('an issuer over http must be on this machine', () => {
  const env = {
    AUTH_MODE: 'full',
    AUTH_BASE_URL: 'https://agents.example.com',
    AUTH_OIDC_CLIENT_ID: 'id',
    AUTH_OIDC_CLIENT_SECRET: 'secret',
  }
  for (const name of ['127.0.0.1.evil.example', '127.evil.com', 'localhost.evil.com', '[::2]']) {
    const AUTH_OIDC_ISSUER = `http://${name}`
    assert.throws(() => readConfig({ ...env, AUTH_OIDC_ISSUER }), /AUTH_OIDC_ISSUER must begin/)
  }
  for (const name of ['127.0.0.1:9000', 'localhost', '[::1]:80']) {
    readConfig({ ...env, AUTH_OIDC_ISSUER: `http://${name}` })
  }
})

test('the maximum of audit retention is not below its minimum', () => {
  const env = { AUDIT_RETENTION_DAYS_MIN: '30', AUDIT_RETENTION_DAYS_MAX: '29' }
  assert.throws(() => readConfig(env), /AUDIT_RETENTION_DAYS_MAX must be 0 or at least/)
  assert.equal(readConfig({ ...env, AUDIT_RETENTION_DAYS_MAX: '0' }).AUDIT_RETENTION_DAYS_MAX, 0)
})

test('variables whose names are one mistake away from a setting are reported', () => {
  const env = {
    ...{ WORKER_SLOT: '2', SECRET_ENCRYPTION_KEY: 'x', SHUTDOWN_GRACE: '5', auth_mode: 'full' },
    ...{ WORKER_SLOTS: '2', LOG_LEVEL: 'warn', REDIS_URI: '' },
    ...{
      PATH: '/bin',
      HOSTS: 'x',
      DATABASE: 'x',
      NODE_OPTIONS: 'x',
      PG_DATA_DIR: 'x',
      npm_config_user_agent: 'x',
    },
  }
  assert.deepEqual(unusedVariables(env), [
    'WORKER_SLOT has no effect; the setting is WORKER_SLOTS',
    'SECRET_ENCRYPTION_KEY has no effect; the setting is SECRETS_ENCRYPTION_KEY',
    'SHUTDOWN_GRACE has no effect; the setting is SHUTDOWN_GRACE_MS',
    'auth_mode has no effect; the setting is AUTH_MODE',
  ])
})
