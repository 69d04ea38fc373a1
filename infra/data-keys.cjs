// The KMS keys that wrap data keys, by the parameters dataKeyArn and formerDataKeyArns.
const own = { 'Fn::GetAtt': ['DataKey', 'Arn'] };

module.exports = async ({ resolveVariable }) => {
  const given = await resolveVariable('param:dataKeyArn');
  const named = (await resolveVariable('param:formerDataKeyArns')).split(',');
  const former = named.map((arn) => arn.trim()).filter(Boolean);
  const isOwn = given === '';
  const all = [...(isOwn ? [own] : [given, own]), ...former];
  return {
    // under which ingest makes data keys
    current: isOwn ? own : given,
    // with which reveal opens them: the stack's own key stays one of them
    opening: all.length === 1 ? own : all,
    // the same, for an output
    openingText: { 'Fn::Join': [',', all] },
    // what the stack's own key is, and so who may use it
    own: isOwn ? 'current' : 'former',
  };
};
