SELECT predictions_diabetes.prediction_id, predictions_diabetes.created_at, predictions_diabetes.origin, predictions_diabetes.version, predictions_diabetes.contract_fingerprint, predictions_diabetes.key, predictions_diabetes.label, predictions_diabetes.score, predictions_diabetes.latency_ms, coalesce(by_id.value, by_key.value) AS truth, coalesce(by_id.at, by_key.at) AS truth_at, predictions_diabetes.input_age, predictions_diabetes.input_sex, predictions_diabetes.input_bmi, predictions_diabetes.input_blood_pressure, predictions_diabetes.input_s1, predictions_diabetes.input_s2, predictions_diabetes.input_s3, predictions_diabetes.input_s4, predictions_diabetes.input_s5, predictions_diabetes.input_s6 
FROM predictions_diabetes LEFT OUTER JOIN truth_diabetes AS by_id ON by_id.truth_id = (SELECT said.truth_id 
FROM truth_diabetes AS said 
WHERE said.prediction_id = predictions_diabetes.prediction_id ORDER BY said.at DESC, said.arrived_at DESC, said.truth_id DESC 
 LIMIT 1) LEFT OUTER JOIN truth_diabetes AS by_key ON by_key.truth_id = (SELECT said.truth_id 
FROM truth_diabetes AS said 
WHERE said.key = predictions_diabetes.key ORDER BY said.at DESC, said.arrived_at DESC, said.truth_id DESC 
 LIMIT 1) 
WHERE predictions_diabetes.created_at >= '2026-11-24 00:00:00+00:00' AND predictions_diabetes.created_at < '2026-11-25 00:00:00+00:00' AND predictions_diabetes.version = 'v1' AND predictions_diabetes.origin = 'online'
