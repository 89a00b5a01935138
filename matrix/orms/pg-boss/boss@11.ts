import PgBoss from 'pg-boss'

export { PgBoss }
