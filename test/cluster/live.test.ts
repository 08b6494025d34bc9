import { runSql } from '../../apps/server/test/database.ts'
import { followingTests } from './following.ts'

followingTests({
  env: {},
  cut: (databaseUrl) =>
    runSql(
      databaseUrl,
      `select pg_terminate_backend(pid) from pg_stat_activity
      where application_name = 'outlast bus' and datname = current_database()`,
    ),
})
