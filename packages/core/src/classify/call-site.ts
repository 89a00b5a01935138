import type { Scanner } from './rules.ts'
import { CLOSE, COMMA, NAME, STRING, WORD } from './tokens.ts'

/** Words that stand in front of a parenthesis and are no functions: key words and types, of all dialects. */
const NO_FUNCTIONS: ReadonlySet<string> = new Set(
  [
    'select distinct all from where and or not xor in exists any some on using as with recursive materialized union except intersect minus',
    'join inner outer cross lateral natural straight_join having by order group over partition window filter within limit offset fetch first next',
    'values row array set into table only returning return is between like ilike similar escape regexp rlike glob then else when case end',
    'rollup cube sets ordinality tablesample bernoulli system repeatable columns passing include key index primary unique check references default',
    'overlaps operator variadic ignore force use against at zone interval div mod distinctrow straight sounds like member of collate search cycle path',
    'explain analyze analyse format verbose for update share nowait rows range groups exclude cast rows both leading trailing match infer',
    'int integer int1 int2 int3 int4 int8 tinyint smallint mediumint bigint float float4 float8 double precision real decimal dec numeric fixed number',
    'char character varchar varchar2 varying nchar nvarchar national text tinytext mediumtext longtext clob blob binary varbinary raw bit varbit bool boolean',
    'date time timetz timestamp timestamptz datetime year enum signed unsigned json jsonb xml uuid vector signed',
  ]
    .join(' ')
    .split(' '),
)

const NAMES = /\(\s*(?:[\w$\u0080-\uffff]+|"[^"]*"|`[^`]*`)(?:\s*,\s*(?:[\w$\u0080-\uffff]+|"[^"]*"|`[^`]*`))*\s*\)/
const BEGINS_QUERY =
  /\s*as\s*(?:not\s+)?(?:materialized\s*)?(?:\(\s*)+(?:select|with|values|table|insert|update|delete|merge|replace)\b/
/** What stands after the name of a CTE that names its columns. */
const CTE = new RegExp(NAMES.source + BEGINS_QUERY.source, 'iy')

/** What stands in front of the last part of the name of INSERT INTO. */
const INTO = /\binto\s+(?:(?:[\w$\u0080-\uffff]+|"[^"]*"|`[^`]*`)\s*\.\s*)+$/i
/** What stands behind the columns of ON CONFLICT (columns). */
const DO = /\bdo\s+(?:nothing|update)\b/i
/** How far is looked for either. */
const NEAR = 500

const COLON = 58

/**
 * Whether the name `text[start, end)` in front of the current parenthesis is that of a function: not a key word, a type, or
 * an alias with a list of columns. `before` and `earlier` are the kinds of the tokens in front of it;
 * `hasAliases` says that a name after a closing parenthesis is an alias.
 */
export function isCall(
  scanner: Scanner,
  start: number,
  end: number,
  token: number,
  before: number,
  earlier: number,
  hasAliases: boolean,
): boolean {
  const { text } = scanner
  const isQualified = scanner.qualifier() !== undefined
  if (token === WORD && !isQualified && NO_FUNCTIONS.has(text.slice(start, end).toLowerCase())) return false
  // AS name (columns), CAST(… AS type(length)) and value::type(length).
  if (scanner.isAlias() || (before === COLON && earlier === COLON)) return false
  // INTERVAL 'value' DAY(precision), "name" name (columns), f() name (columns).
  if (before === STRING || before === NAME || (before === CLOSE && hasAliases)) return false
  // INSERT INTO name (columns).
  if (isQualified ? INTO.test(text.slice(Math.max(0, start - NEAR), start)) : scanner.isBehind('into', start))
    return false
  if (token === WORD && scanner.isBehind('on', start) && text.slice(start, end).toLowerCase() === 'conflict')
    return !DO.test(text.slice(end, end + NEAR))
  if (before === COMMA || scanner.isBehind('with', start) || scanner.isBehind('recursive', start)) {
    CTE.lastIndex = scanner.start
    return !CTE.test(text)
  }
  return true
}
