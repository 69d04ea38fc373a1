// The KMS keys that tokens are derived from, one for each generation, by the parameters tokenGeneration and rotation.
const logicalId = (generation) => (generation === 1 ? 'TokenKey' : `TokenKey${generation}`);
const arn = (generation) => ({ 'Fn::GetAtt': [logicalId(generation), 'Arn'] });

module.exports = async ({ resolveVariable }) => {
  const current = Number(await resolveVariable('param:tokenGeneration'));
  const isRotating = (await resolveVariable('param:rotation')) === 'on';
  const next = current + 1;
  // those that functions may use; keys of former generations stay in the stack, and nobody may use them
  const used = isRotating ? [current, next] : [current];
  const policyOf = (generation) =>
    generation === next ? 'next' : generation === current ? 'current' : 'former';

  const resources = {};
  for (let generation = 2; generation <= used.at(-1); generation += 1) {
    resources[logicalId(generation)] = {
      Type: 'AWS::KMS::Key',
      DeletionPolicy: '${param:deletionPolicy}',
      UpdateReplacePolicy: '${param:deletionPolicy}',
      Properties: {
        Description: `Gives the root that tokens of generation ${generation} are derived from (\${self:service}, \${sls:stage}).`,
        KeySpec: 'HMAC_256',
        KeyUsage: 'GENERATE_VERIFY_MAC',
        PendingWindowInDays: '${param:keyDeletionWindowInDays}',
        KeyPolicy: `\${file(infra/token-key-policy.yml):${policyOf(generation)}}`,
      },
    };
    resources[`${logicalId(generation)}Alias`] = {
      Type: 'AWS::KMS::Alias',
      Properties: {
        AliasName: `alias/\${self:service}-\${sls:stage}-token-${generation}`,
        TargetKeyId: { Ref: logicalId(generation) },
      },
    };
  }
  return {
    // the keys of the generations from 2 on, for the template
    template: { Resources: resources },
    // those that no deployment may delete
    kept: Array.from(
      { length: current },
      (_, index) => `LogicalResourceId/${logicalId(index + 1)}`,
    ),
    // what the key of generation 1 is, and so who may use it
    first: policyOf(1),
    // under which tokens are made now
    current: arn(current),
    // under which they are made after the rotation; the current one while there is none
    next: arn(isRotating ? next : current),
    // those that functions may use, for their policies
    used: used.length === 1 ? arn(current) : used.map(arn),
    // the same with their generations, for lib/config.ts
    byGeneration: {
      'Fn::Join': [
        ',',
        used.map((generation) => ({ 'Fn::Join': ['=', [String(generation), arn(generation)]] })),
      ],
    },
  };
};
