import { describe, expect, test } from 'vitest';

import { closingScreen, type Report } from '../../../scripts/local/closing-screen.ts';

/** What a start has to tell that sent these lines, beginning with line 1. */
function report(lines: readonly string[], changes: Partial<Report> = {}): Report {
  return {
    source: 'own.jsonl',
    directory: '.local',
    sent: lines.map((text, index) => ({ number: index + 1, text })),
    refused: [],
    stored: lines.length,
    rejected: [],
    logins: [],
    repeated: [],
    shown: [],
    urls: null,
    nextCommands: ['npm stop'],
    elapsedMs: 1_000,
    ...changes,
  };
}

describe('closingScreen', () => {
  test('names the line, the reason and the masked text of each rejected message', () => {
    const screen = closingScreen(
      report(['{"user_id":"grace"}', 'not JSON', '{"user_id":"grace"}'], {
        stored: 0,
        rejected: [
          { body: 'not JSON', reason: 'invalid_json' },
          { body: '{"user_id":"grace"}', reason: 'invalid_field:ip' },
          { body: '{"user_id":"grace"}', reason: 'invalid_field:ip' },
        ],
      }),
    );
    expect(screen).toMatch(/^ +rejected +3 {2}2 invalid_field:ip, 1 invalid_json$/m);
    expect(screen).toMatch(/^ +1 {2}invalid_field:ip +\{"user_id":"•••"\}$/m);
    expect(screen).toMatch(/^ +2 {2}invalid_json +••• \(not JSON, 8 characters\)$/m);
    expect(screen).toMatch(/^ +3 {2}invalid_field:ip +\{"user_id":"•••"\}$/m);
    expect(screen).not.toContain('grace');
  });

  test("leaves out another sender's rejected messages", () => {
    const rejected = [{ body: '{"user_id":"ada"}', reason: 'invalid_field:ip' }];
    const screen = closingScreen(report(['{"user_id":"grace"}'], { rejected }));
    expect(screen).toMatch(/^ +rejected +0$/m);
    expect(screen).not.toContain('Rejected messages');
  });

  test('names the lines that SQS refused', () => {
    const refused = [{ number: 2, text: 'too long' }];
    const screen = closingScreen(report(['{}', 'too long'], { stored: 1, refused }));
    expect(screen).toMatch(/^ +refused by SQS +1$/m);
    expect(screen).toMatch(/^ +2 {2}too long for SQS +••• \(not JSON, 8 characters\)$/m);
    expect(screen).toMatch(/^ +duplicates +0$/m);
  });

  test('shows a token as shared only if more than one login has it', () => {
    const repeated = [
      { token: 'ip_v1_shared', logins: 2 },
      { token: 'ip_v1_single', logins: 1 },
    ];
    expect(closingScreen(report([], { repeated }))).toMatch(/^ +ip_v1_shared +2$/m);
    expect(closingScreen(report([], { repeated }))).not.toContain('ip_v1_single');
    expect(closingScreen(report([], { repeated: repeated.slice(1) }))).not.toContain('share');
  });

  test('names the signed URLs where there are any', () => {
    const urls = {
      REVEAL_URL: 'http://127.0.0.1:4566/_aws/lambda-url/r/',
      TOKENIZE_URL: 'http://127.0.0.1:4566/_aws/lambda-url/t/',
      ERASE_URL: 'http://127.0.0.1:4566/_aws/lambda-url/e/',
    };
    const screen = closingScreen(report([], { urls }));
    for (const each of Object.values(urls)) expect(screen).toContain(each);
    expect(screen).not.toContain('break-glass');
    const approvals = {
      APPROVE_URL: 'http://127.0.0.1:4566/_aws/lambda-url/a/',
      BREAK_GLASS_URL: 'http://127.0.0.1:4566/_aws/lambda-url/b/',
    };
    const all = closingScreen(report([], { urls: { ...urls, ...approvals } }));
    expect(all).toMatch(/^ +approve +\S+\/a\/$/m);
    expect(all).toMatch(/^ +break-glass +\S+\/b\/$/m);
    expect(closingScreen(report([]))).not.toContain('Signed URLs');
  });

  test('shows twenty rejected messages and says how many more there are', () => {
    const lines = Array.from({ length: 25 }, (_, index) => String(index));
    const rejected = lines.map((body) => ({ body, reason: 'invalid_message' }));
    const screen = closingScreen(report(lines, { stored: 0, rejected }));
    expect(screen.match(/^ +\d+ {2}invalid_message /gm)).toHaveLength(20);
    expect(screen).toContain('and 5 more');
  });
});
