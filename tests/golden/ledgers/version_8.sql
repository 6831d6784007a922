PRAGMA user_version = 8;
BEGIN TRANSACTION;
CREATE TABLE answers (uid TEXT PRIMARY KEY REFERENCES evaluation (uid), count INTEGER NOT NULL, body BLOB NOT NULL);
INSERT INTO "answers" VALUES('8b72bed124e97e4e3d76',2,X'789CC552D96EDB3010FC1541CF11424A968FC2F58F58864D8BAB23A1488247EAC2C8BF972B87AE9C3A28DAA0E88BA01DEE35B3B33DA7DAA841BB7DCFD32F494AD287E40DC150B3169211AB0324C0F54A22BED6492D98B55FAB5467B3C4C1C96547E1212B09A9D2CD092B9A5EF6B6DB1B60F652649DD2F8606B652000E7D42A6F6AFC4D1157DE852963F8C244D8276082C9D6872510ECDC2010036394B101D9EE303A39C3EAB85863583B8074E31CD5045AD67AC0641210E9877DADC4A59A4600898C2939F2C468EFD433C82B142BCE69E488E5AF311B2E6F4188B7AE3772C454DB318D34B6395DD2B258CCCAC5EEA2520B469B5E8E8273E0E408E59CCE28A7502E6ECF81D1376578E4D31A365C85104A690C1A262C3C602BC627E430FFC9F316F83BC6A38023055CB3F3F093EA5E7B13AE1E297869C02AF1822DA226D856F46DE724581B776C7A0151625B9B3ED8EB7A34E985C0A9CC88EFB7E86B98F1CE8EF48E1DE9AF763C1C0E688E4AAE07D6CBAB358F6D66057390AD4657AE3B7A7D1A4F64948D8EAD3C214D9D549E2F0B1EBE40C8FAB1A39BF52376DC54328CF87FA606191AFEDED1F95F383A6A10AF15F5BAE7F0A99E53AB4F7BDC589D9205A1B3D9A228EE58BD2EE7E591B17C59D0554918FDD8EA746AF5395DE66445F3D53FF0BC01FE475EE7CC3C7FC6EFBB1FE66DB16F');
INSERT INTO "answers" VALUES('9286db4774fdcaff5eed',2,X'789CC552D96EDB3010FC1541CF11424A968FC2F58F58864D8BAB23A1488247EAC2C8BF972B87AE9C3A28DAA0E88BA01DEE35B3B33DA7DAA841BB7DCFD32F494AD287E40DC150B3169211AB0324C0F54A22BED6492D98B55FAB5467B3C4C1C96547E1212B09A9D2CD092B9A5EF6B6DB1B60F652649DD2F8606B652000E7D42A6F6AFC4D1157DE852963F8C244D8276082C9D6872510ECDC2010036394B101D9EE303A39C3EAB85863583B8074E31CD5045AD67AC0641210E9877DADC4A59A4600898C2939F2C468EFD433C82B142BCE69E488E5AF311B2E6F4188B7AE3772C454DB318D34B6395DD2B258CCCAC5EEA2520B469B5E8E8273E0E408E59CCE28A7502E6ECF81D1376578E4D31A365C85104A690C1A262C3C602BC627E430FFC9F316F83BC6A38023055CB3F3F093EA5E7B13AE1E297869C02AF1822DA226D856F46DE724581B776C7A0151625B9B3ED8EB7A34E985C0A9CC88EFB7E86B98F1CE8EF48E1DE9AF763C1C0E688E4AAE07D6CBAB358F6D66057390AD4657AE3B7A7D1A4F64948D8EAD3C214D9D549E2F0B1EBE40C8FAB1A39BF52376DC54328CF87FA606191AFEDED1F95F383A6A10AF15F5BAE7F0A99E53AB4F7BDC589D9205A1B3D9A228EE58BD2EE7E591B17C59D0554918FDD8EA746AF5395DE66445F3D53FF0BC01FE475EE7CC3C7FC6EFBB1FE66DB16F');
INSERT INTO "answers" VALUES('f3367bb592f8624d8ba9',2,X'789CC552D96EDB3010FC1541CF11424A968FC2F58F58864D8BAB23A1488247EAC2C8BF972B87AE9C3A28DAA0E88BA01DEE35B3B33DA7DAA841BB7DCFD32F494AD287E40DC150B3169211AB0324C0F54A22BED6492D98B55FAB5467B3C4C1C96547E1212B09A9D2CD092B9A5EF6B6DB1B60F652649DD2F8606B652000E7D42A6F6AFC4D1157DE852963F8C244D8276082C9D6872510ECDC2010036394B101D9EE303A39C3EAB85863583B8074E31CD5045AD67AC0641210E9877DADC4A59A4600898C2939F2C468EFD433C82B142BCE69E488E5AF311B2E6F4188B7AE3772C454DB318D34B6395DD2B258CCCAC5EEA2520B469B5E8E8273E0E408E59CCE28A7502E6ECF81D1376578E4D31A365C85104A690C1A262C3C602BC627E430FFC9F316F83BC6A38023055CB3F3F093EA5E7B13AE1E297869C02AF1822DA226D856F46DE724581B776C7A0151625B9B3ED8EB7A34E985C0A9CC88EFB7E86B98F1CE8EF48E1DE9AF763C1C0E688E4AAE07D6CBAB358F6D66057390AD4657AE3B7A7D1A4F64948D8EAD3C214D9D549E2F0B1EBE40C8FAB1A39BF52376DC54328CF87FA606191AFEDED1F95F383A6A10AF15F5BAE7F0A99E53AB4F7BDC589D9205A1B3D9A228EE58BD2EE7E591B17C59D0554918FDD8EA746AF5395DE66445F3D53FF0BC01FE475EE7CC3C7FC6EFBB1FE66DB16F');
INSERT INTO "answers" VALUES('01aca4fa079ffcd9c6eb',2,X'789CC552D96EDB3010FC1541CF11424A968FC2F58F58864D8BAB23A1488247EAC2C8BF972B87AE9C3A28DAA0E88BA01DEE35B3B33DA7DAA841BB7DCFD32F494AD287E40DC150B3169211AB0324C0F54A22BED6492D98B55FAB5467B3C4C1C96547E1212B09A9D2CD092B9A5EF6B6DB1B60F652649DD2F8606B652000E7D42A6F6AFC4D1157DE852963F8C244D8276082C9D6872510ECDC2010036394B101D9EE303A39C3EAB85863583B8074E31CD5045AD67AC0641210E9877DADC4A59A4600898C2939F2C468EFD433C82B142BCE69E488E5AF311B2E6F4188B7AE3772C454DB318D34B6395DD2B258CCCAC5EEA2520B469B5E8E8273E0E408E59CCE28A7502E6ECF81D1376578E4D31A365C85104A690C1A262C3C602BC627E430FFC9F316F83BC6A38023055CB3F3F093EA5E7B13AE1E297869C02AF1822DA226D856F46DE724581B776C7A0151625B9B3ED8EB7A34E985C0A9CC88EFB7E86B98F1CE8EF48E1DE9AF763C1C0E688E4AAE07D6CBAB358F6D66057390AD4657AE3B7A7D1A4F64948D8EAD3C214D9D549E2F0B1EBE40C8FAB1A39BF52376DC54328CF87FA606191AFEDED1F95F383A6A10AF15F5BAE7F0A99E53AB4F7BDC589D9205A1B3D9A228EE58BD2EE7E591B17C59D0554918FDD8EA746AF5395DE66445F3D53FF0BC01FE475EE7CC3C7FC6EFBB1FE66DB16F');
CREATE TABLE checkpoint (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, step INTEGER NOT NULL, stamp TEXT NOT NULL, path TEXT NOT NULL,
    kind TEXT NOT NULL, base TEXT, final INTEGER NOT NULL, state TEXT NOT NULL, reason TEXT,
    detail TEXT NOT NULL DEFAULT '', digest TEXT, stage TEXT, attempts INTEGER NOT NULL DEFAULT 0,
    asked INTEGER NOT NULL DEFAULT 0, early INTEGER NOT NULL DEFAULT 0, adopted INTEGER NOT NULL DEFAULT 0,
    seen_at REAL NOT NULL, changed_at REAL NOT NULL);
INSERT INTO "checkpoint" VALUES(1,'checkpoint-10',10,'30acfa6af1fcfb6f','/ckpts/checkpoint-10','full',NULL,0,'evaluated',NULL,'','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','/state/stage/uimon-copy-10-00000000',1,0,0,0,1700000001.0,1700000006.0);
INSERT INTO "checkpoint" VALUES(2,'checkpoint-20',20,'d0f2d8a54ac40def','/ckpts/checkpoint-20','full',NULL,0,'evaluated',NULL,'','bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb','/state/stage/uimon-copy-20-00000000',1,0,0,0,1700000012.0,1700000017.0);
INSERT INTO "checkpoint" VALUES(3,'checkpoint-30',30,'a059b9a71cc78dbf','/ckpts/checkpoint-30','adapter','org/base',0,'evaluated',NULL,'','cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc','/state/stage/uimon-copy-30-00000000',1,0,0,0,1700000023.0,1700000028.0);
INSERT INTO "checkpoint" VALUES(4,'checkpoint-40',40,'80b4436d69736625','/ckpts/checkpoint-40','full',NULL,0,'failed','non_finite','model.safetensors holds NaN.','dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd','/state/stage/uimon-copy-40-00000000',1,0,0,0,1700000035.0,1700000039.0);
INSERT INTO "checkpoint" VALUES(5,'checkpoint-50',50,'8214ea97fa06627f','/ckpts/checkpoint-50','full',NULL,0,'complete',NULL,'',NULL,NULL,0,1,0,0,1700000040.0,1700000110.0);
INSERT INTO "checkpoint" VALUES(6,'checkpoint-60',60,'2d7b015cd29a365f','/ckpts/checkpoint-60','full',NULL,0,'evaluating',NULL,'','6666666666666666666666666666666666666666666666666666666666666666','/state/stage/uimon-copy-60-00000000',1,0,0,0,1700000043.0,1700000046.0);
INSERT INTO "checkpoint" VALUES(7,'checkpoint-70',70,'8a1abb7a8bf7e9e9','/ckpts/checkpoint-70','full',NULL,0,'staged',NULL,'','7777777777777777777777777777777777777777777777777777777777777777','/state/stage/uimon-copy-70-00000000',0,0,0,0,1700000047.0,1700000049.0);
INSERT INTO "checkpoint" VALUES(8,'checkpoint-80',80,'94b905a664b3a123','/ckpts/checkpoint-80','full',NULL,0,'complete',NULL,'',NULL,NULL,0,0,0,0,1700000050.0,1700000051.0);
INSERT INTO "checkpoint" VALUES(9,'checkpoint-90',90,'76b3d877b238d431','/ckpts/checkpoint-90','full',NULL,0,'skipped','deleted','its directory was deleted before it was read',NULL,NULL,0,0,0,0,1700000052.0,1700000056.0);
INSERT INTO "checkpoint" VALUES(10,'checkpoint-100',100,'1a278114cfcb95f7','/ckpts/checkpoint-100','full',NULL,0,'failed','pickle_weights','pytorch_model.bin is a pickle.',NULL,NULL,0,0,0,0,1700000054.0,1700000055.0);
INSERT INTO "checkpoint" VALUES(11,'checkpoint-10',10,'4840e384eca5c32d','/ckpts/checkpoint-10','full',NULL,0,'complete',NULL,'',NULL,NULL,0,0,0,0,1700000057.0,1700000058.0);
INSERT INTO "checkpoint" VALUES(12,'checkpoint-110',110,'098bff8c96e51ebd','/ckpts/checkpoint-110','full',NULL,0,'staged','engine_died','The engine died.','eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee','/state/stage/uimon-copy-110-00000000',1,0,0,0,1700000059.0,1700000063.0);
INSERT INTO "checkpoint" VALUES(13,'checkpoint-300',300,'de9567832aef7e2f','/ckpts/checkpoint-300','full',NULL,1,'complete',NULL,'',NULL,NULL,0,0,0,0,1700000064.0,1700000065.0);
INSERT INTO "checkpoint" VALUES(14,'checkpoint-130',130,'9a1bf2a7efefcc7e','/ckpts/checkpoint-130','full',NULL,0,'staged',NULL,'','ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff','/state/stage/uimon-copy-130-00000000',0,0,1,0,1700000075.0,1700000077.0);
INSERT INTO "checkpoint" VALUES(15,'checkpoint-140',140,'1472f26a53e4190e','/ckpts/checkpoint-140','full',NULL,0,'skipped','earlier_run','another training',NULL,NULL,0,0,0,0,1700000078.0,1700000080.0);
INSERT INTO "checkpoint" VALUES(16,'checkpoint-150',150,'548204012208724f','/ckpts/checkpoint-150','full',NULL,0,'complete',NULL,'',NULL,NULL,0,0,0,1,1700000081.0,1700000082.0);
INSERT INTO "checkpoint" VALUES(17,'checkpoint-95',95,'7729ad9035287820','/ckpts/checkpoint-95','full',NULL,0,'seen','weights_missing','There is no model.safetensors yet.',NULL,NULL,0,0,0,0,1700000084.0,1700000085.0);
CREATE TABLE delivery (
    episode TEXT NOT NULL REFERENCES episode (key), event TEXT NOT NULL, channel TEXT NOT NULL, told TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, not_before REAL NOT NULL DEFAULT 0, done_at REAL, error TEXT,
    PRIMARY KEY (episode, event, channel));
INSERT INTO "delivery" VALUES('validity_dropped/20/0a1b2c3d','raised','webhook','{"key": "validity_dropped/20/0a1b2c3d", "rule": "validity_dropped", "level": "error", "step": 20, "title": "title", "evidence": "evidence", "threshold": "validity_drop = 0.1", "source": "source", "cause": "cause", "fix": "fix", "samples": [0, 1], "uid": "9286db4774fdcaff5eed", "cleared_step": null, "risen": null, "active": true}',1,1700000132.0,NULL,'no answer');
INSERT INTO "delivery" VALUES('validity_dropped/20/0a1b2c3d','raised','command','{"key": "validity_dropped/20/0a1b2c3d", "rule": "validity_dropped", "level": "error", "step": 20, "title": "title", "evidence": "evidence", "threshold": "validity_drop = 0.1", "source": "source", "cause": "cause", "fix": "fix", "samples": [0, 1], "uid": "9286db4774fdcaff5eed", "cleared_step": null, "risen": null, "active": true}',1,0.0,1700000074.0,'it ended with 1');
INSERT INTO "delivery" VALUES('validity_dropped/20/0a1b2c3d','raised','wandb','{"level": "error", "title": "title (step 20)", "text": "evidence\nLikely cause: cause\nWhat to do: fix\nSamples of step 20 that show it, as in `uimon status` and samples.jsonl: 0, 1.\nRule validity_dropped (validity_drop = 0.1)."}',1,0.0,1700000070.0,NULL);
INSERT INTO "delivery" VALUES('overfitting/30/4e5f6071','raised','webhook','{"key": "overfitting/30/4e5f6071", "rule": "overfitting", "level": "warn", "step": 30, "title": "title 2", "evidence": "evidence 2", "threshold": "", "source": "", "cause": "cause 2", "fix": "fix 2", "samples": [], "uid": "f3367bb592f8624d8ba9", "cleared_step": null, "risen": null, "active": true}',0,0.0,NULL,NULL);
INSERT INTO "delivery" VALUES('overfitting/30/4e5f6071','raised','command','{"key": "overfitting/30/4e5f6071", "rule": "overfitting", "level": "warn", "step": 30, "title": "title 2", "evidence": "evidence 2", "threshold": "", "source": "", "cause": "cause 2", "fix": "fix 2", "samples": [], "uid": "f3367bb592f8624d8ba9", "cleared_step": null, "risen": null, "active": true}',0,0.0,NULL,NULL);
INSERT INTO "delivery" VALUES('overfitting/30/4e5f6071','raised','wandb','{"level": "warn", "title": "title 2 (step 30)", "text": "evidence 2\nLikely cause: cause 2\nWhat to do: fix 2\nRule overfitting."}',0,0.0,NULL,NULL);
INSERT INTO "delivery" VALUES('overfitting/30/4e5f6071','cleared','webhook','{"key": "overfitting/30/4e5f6071", "rule": "overfitting", "level": "warn", "step": 30, "title": "title 2", "evidence": "evidence 2", "threshold": "", "source": "", "cause": "cause 2", "fix": "fix 2", "samples": [], "uid": "f3367bb592f8624d8ba9", "cleared_step": 40, "risen": null, "active": false}',0,0.0,NULL,NULL);
INSERT INTO "delivery" VALUES('overfitting/30/4e5f6071','cleared','command','{"key": "overfitting/30/4e5f6071", "rule": "overfitting", "level": "warn", "step": 30, "title": "title 2", "evidence": "evidence 2", "threshold": "", "source": "", "cause": "cause 2", "fix": "fix 2", "samples": [], "uid": "f3367bb592f8624d8ba9", "cleared_step": 40, "risen": null, "active": false}',0,0.0,NULL,NULL);
CREATE TABLE episode (
    key TEXT PRIMARY KEY, step INTEGER NOT NULL, body TEXT NOT NULL, began_at REAL NOT NULL, over INTEGER NOT NULL);
INSERT INTO "episode" VALUES('validity_dropped/20/0a1b2c3d',20,'{"key": "validity_dropped/20/0a1b2c3d", "rule": "validity_dropped", "level": "error", "step": 20, "title": "title", "evidence": "evidence", "threshold": "validity_drop = 0.1", "source": "source", "cause": "cause", "fix": "fix", "samples": [0, 1], "uid": "9286db4774fdcaff5eed", "cleared_step": null, "risen": null, "active": true}',1700000068.0,0);
INSERT INTO "episode" VALUES('overfitting/30/4e5f6071',30,'{"key": "overfitting/30/4e5f6071", "rule": "overfitting", "level": "warn", "step": 30, "title": "title 2", "evidence": "evidence 2", "threshold": "", "source": "", "cause": "cause 2", "fix": "fix 2", "samples": [], "uid": "f3367bb592f8624d8ba9", "cleared_step": 40, "risen": null, "active": false}',1700000069.0,1);
CREATE TABLE evaluation (
    uid TEXT PRIMARY KEY, checkpoint INTEGER NOT NULL REFERENCES checkpoint (id), suite TEXT NOT NULL,
    metrics TEXT NOT NULL, at REAL NOT NULL, exported INTEGER NOT NULL DEFAULT 0, origin TEXT);
INSERT INTO "evaluation" VALUES('8b72bed124e97e4e3d76',1,'c05a8bb21fcf7d88','{"eval/perplexity": 3.4, "eval/samples": 2.0, "eval/syntax_validity_rate": 0.5, "eval/color_entropy": null}',1600000010.0,1,NULL);
INSERT INTO "evaluation" VALUES('9286db4774fdcaff5eed',2,'c05a8bb21fcf7d88','{"eval/perplexity": 3.3, "eval/samples": 2.0, "eval/syntax_validity_rate": 0.5, "eval/color_entropy": null}',1600000020.0,1,NULL);
INSERT INTO "evaluation" VALUES('f3367bb592f8624d8ba9',3,'c05a8bb21fcf7d88','{"eval/perplexity": 3.2, "eval/samples": 2.0, "eval/syntax_validity_rate": 0.5, "eval/color_entropy": null}',1600000030.0,0,NULL);
INSERT INTO "evaluation" VALUES('01aca4fa079ffcd9c6eb',1,'5568fbeb1f434bac','{"eval/perplexity": 3.4, "eval/samples": 2.0, "eval/syntax_validity_rate": 1.0, "eval/color_entropy": null}',1600000400.0,0,'8b72bed124e97e4e3d76');
CREATE TABLE failure (
    key TEXT PRIMARY KEY, name TEXT NOT NULL, step INTEGER NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL,
    seen_at REAL NOT NULL, at REAL NOT NULL);
INSERT INTO "failure" VALUES('failed/checkpoint-100/1a278114cfcb95f7/pickle_weights','checkpoint-100',100,'pickle_weights','pytorch_model.bin is a pickle.',1700000054.0,1700000055.0);
CREATE TABLE followup (
    evaluation TEXT NOT NULL REFERENCES evaluation (uid), kind TEXT NOT NULL, state TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, not_before REAL NOT NULL DEFAULT 0, reason TEXT,
    detail TEXT NOT NULL DEFAULT '', metrics TEXT, at REAL NOT NULL, PRIMARY KEY (evaluation, kind));
INSERT INTO "followup" VALUES('8b72bed124e97e4e3d76','render','done',1,0.0,NULL,'','{"eval/render/blank_rate": 0.25, "eval/render/unknown": null}',1700100212.0);
INSERT INTO "followup" VALUES('8b72bed124e97e4e3d76','judge','failed',1,0.0,'followup_error','It ended unexpectedly (ValueError: no); --debug shows where.',NULL,1700100209.0);
INSERT INTO "followup" VALUES('9286db4774fdcaff5eed','render','due',0,0.0,'interrupted','uimon was stopped meanwhile',NULL,1700100220.0);
INSERT INTO "followup" VALUES('9286db4774fdcaff5eed','judge','due',1,1700100276.0,'followup_error','It is busy.',NULL,1700100217.0);
INSERT INTO "followup" VALUES('f3367bb592f8624d8ba9','render','due',0,0.0,NULL,'',NULL,1700100205.0);
INSERT INTO "followup" VALUES('f3367bb592f8624d8ba9','judge','running',1,0.0,NULL,'',NULL,1700100222.0);
CREATE TABLE found (uid TEXT NOT NULL, target TEXT NOT NULL, PRIMARY KEY (uid, target));
INSERT INTO "found" VALUES('2dad80f37efd5e9f86e9','run');
CREATE TABLE loss (place INTEGER PRIMARY KEY, step INTEGER NOT NULL, loss TEXT NOT NULL, uid TEXT UNIQUE);
INSERT INTO "loss" VALUES(1,9,'1.0','2dad80f37efd5e9f86e9');
INSERT INTO "loss" VALUES(2,10,'0.5','0be8032bd83ef3b0b395');
INSERT INTO "loss" VALUES(3,19,'1.0','36bd2bb486b5cecd83e5');
INSERT INTO "loss" VALUES(4,20,'0.5','b83ca9f7bc62efef3710');
INSERT INTO "loss" VALUES(5,29,'1.0','41328b2f622df67bcb1f');
INSERT INTO "loss" VALUES(6,30,'0.5','0b2d05cbbbaff80b9501');
INSERT INTO "loss" VALUES(7,39,'1.0','f7fd28040f56ed4f1120');
INSERT INTO "loss" VALUES(8,40,'0.5','641481334c6db0a5c3f2');
INSERT INTO "loss" VALUES(9,49,'1.0','5012571e7f763f5800f4');
INSERT INTO "loss" VALUES(10,50,'0.5','688214b8ff97c073539c');
INSERT INTO "loss" VALUES(11,59,'1.0','a19d0ad366f554b0f5f4');
INSERT INTO "loss" VALUES(12,60,'0.5','734faecefae885bc30b5');
INSERT INTO "loss" VALUES(13,69,'1.0','1a6091fc07eec2104c3b');
INSERT INTO "loss" VALUES(14,70,'0.5','8188ae41a251a8982450');
INSERT INTO "loss" VALUES(15,79,'1.0','5a0c0c4f0d67da79baae');
INSERT INTO "loss" VALUES(16,80,'0.5','0050d4a59f2c1cdd5c2e');
INSERT INTO "loss" VALUES(17,109,'1.0','21abc105643cd95a07f1');
INSERT INTO "loss" VALUES(18,110,'0.5','d5fdb560b5ab6a22c2b9');
INSERT INTO "loss" VALUES(19,299,'1.0','32c17b0ea7ce38f7cf2b');
INSERT INTO "loss" VALUES(20,300,'0.5','5356987aa7156b7bcb42');
INSERT INTO "loss" VALUES(21,139,'1.0','47e0e3dc0fe703293dca');
INSERT INTO "loss" VALUES(22,140,'0.5','41736bb0adcdff45fc38');
INSERT INTO "loss" VALUES(23,149,'1.0','2489ebe3094d01c87705');
INSERT INTO "loss" VALUES(24,150,'0.5','5969830944cfb86c3646');
INSERT INTO "loss" VALUES(25,115,'nan',NULL);
INSERT INTO "loss" VALUES(26,116,'inf',NULL);
INSERT INTO "loss" VALUES(27,120,'0.25','1c531d1b4e9dc1b43bf9');
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO "meta" VALUES('run','run');
INSERT INTO "meta" VALUES('project','p');
INSERT INTO "meta" VALUES('entity','e');
INSERT INTO "meta" VALUES('wandb','auto');
INSERT INTO "meta" VALUES('surveyed run','yes');
INSERT INTO "meta" VALUES('engine_away','{"since": 1700000000.0, "sentence": "The engine is away."}');
INSERT INTO "meta" VALUES('log signs','[["zero_loss", 100, "The loss is 0.", null]]');
INSERT INTO "meta" VALUES('losses in rows','27');
CREATE TABLE outbox (
    uid TEXT NOT NULL REFERENCES row (uid), target TEXT NOT NULL, kind TEXT NOT NULL, step INTEGER NOT NULL,
    mark INTEGER, attempts INTEGER NOT NULL DEFAULT 0, reason TEXT, published_at REAL,
    copies INTEGER NOT NULL DEFAULT 1, sent_first REAL, sent_last REAL, looks INTEGER NOT NULL DEFAULT 0,
    look_at REAL, UNIQUE (uid, target));
INSERT INTO "outbox" VALUES('8b72bed124e97e4e3d76','run','eval',10,3,1,NULL,1700000011.0,2,NULL,NULL,0,NULL);
INSERT INTO "outbox" VALUES('2dad80f37efd5e9f86e9','run','train',9,NULL,0,NULL,1700000009.0,1,NULL,NULL,0,NULL);
INSERT INTO "outbox" VALUES('0be8032bd83ef3b0b395','run','train',10,NULL,0,NULL,NULL,1,NULL,NULL,0,NULL);
INSERT INTO "outbox" VALUES('9286db4774fdcaff5eed','run','eval',20,5,2,'unconfirmed',NULL,1,1700000500.0,1700000500.0,1,1700000600.0);
INSERT INTO "outbox" VALUES('36bd2bb486b5cecd83e5','run','train',19,NULL,0,NULL,NULL,1,NULL,NULL,0,NULL);
INSERT INTO "outbox" VALUES('b83ca9f7bc62efef3710','run','train',20,NULL,0,NULL,NULL,1,NULL,NULL,0,NULL);
INSERT INTO "outbox" VALUES('f3367bb592f8624d8ba9','run','eval',30,NULL,0,'deferred',NULL,1,NULL,NULL,0,NULL);
INSERT INTO "outbox" VALUES('41328b2f622df67bcb1f','run','train',29,NULL,0,NULL,NULL,1,NULL,NULL,0,NULL);
INSERT INTO "outbox" VALUES('0b2d05cbbbaff80b9501','run','train',30,NULL,0,NULL,NULL,1,NULL,NULL,0,NULL);
INSERT INTO "outbox" VALUES('0b2d05cbbbaff80b9501','companion','train',30,NULL,0,NULL,NULL,1,NULL,NULL,0,NULL);
INSERT INTO "outbox" VALUES('0be8032bd83ef3b0b395','companion','train',10,NULL,0,NULL,NULL,1,NULL,NULL,0,NULL);
INSERT INTO "outbox" VALUES('36bd2bb486b5cecd83e5','companion','train',19,NULL,0,NULL,NULL,1,NULL,NULL,0,NULL);
INSERT INTO "outbox" VALUES('41328b2f622df67bcb1f','companion','train',29,NULL,0,NULL,NULL,1,NULL,NULL,0,NULL);
INSERT INTO "outbox" VALUES('9286db4774fdcaff5eed','companion','eval',20,NULL,0,NULL,NULL,1,NULL,NULL,0,NULL);
INSERT INTO "outbox" VALUES('b83ca9f7bc62efef3710','companion','train',20,NULL,0,NULL,NULL,1,NULL,NULL,0,NULL);
INSERT INTO "outbox" VALUES('f3367bb592f8624d8ba9','companion','eval',30,NULL,0,NULL,1700000067.0,1,NULL,NULL,0,NULL);
INSERT INTO "outbox" VALUES('01aca4fa079ffcd9c6eb','run','eval',10,NULL,0,NULL,NULL,1,NULL,NULL,0,NULL);
INSERT INTO "outbox" VALUES('f7fd28040f56ed4f1120','run','train',39,NULL,0,NULL,NULL,1,NULL,NULL,0,NULL);
INSERT INTO "outbox" VALUES('641481334c6db0a5c3f2','run','train',40,NULL,0,NULL,NULL,1,NULL,NULL,0,NULL);
INSERT INTO "outbox" VALUES('5012571e7f763f5800f4','run','train',49,NULL,0,NULL,NULL,1,NULL,NULL,0,NULL);
INSERT INTO "outbox" VALUES('688214b8ff97c073539c','run','train',50,NULL,0,NULL,NULL,1,NULL,NULL,0,NULL);
INSERT INTO "outbox" VALUES('a19d0ad366f554b0f5f4','run','train',59,NULL,0,NULL,NULL,1,NULL,NULL,0,NULL);
INSERT INTO "outbox" VALUES('734faecefae885bc30b5','run','train',60,NULL,0,NULL,NULL,1,NULL,NULL,0,NULL);
INSERT INTO "outbox" VALUES('1a6091fc07eec2104c3b','run','train',69,NULL,0,NULL,NULL,1,NULL,NULL,0,NULL);
INSERT INTO "outbox" VALUES('8188ae41a251a8982450','run','train',70,NULL,0,NULL,NULL,1,NULL,NULL,0,NULL);
INSERT INTO "outbox" VALUES('5a0c0c4f0d67da79baae','run','train',79,NULL,0,NULL,NULL,1,NULL,NULL,0,NULL);
INSERT INTO "outbox" VALUES('0050d4a59f2c1cdd5c2e','run','train',80,NULL,0,NULL,NULL,1,NULL,NULL,0,NULL);
INSERT INTO "outbox" VALUES('21abc105643cd95a07f1','run','train',109,NULL,0,NULL,NULL,1,NULL,NULL,0,NULL);
INSERT INTO "outbox" VALUES('d5fdb560b5ab6a22c2b9','run','train',110,NULL,0,NULL,NULL,1,NULL,NULL,0,NULL);
INSERT INTO "outbox" VALUES('32c17b0ea7ce38f7cf2b','run','train',299,NULL,0,NULL,NULL,1,NULL,NULL,0,NULL);
INSERT INTO "outbox" VALUES('5356987aa7156b7bcb42','run','train',300,NULL,0,NULL,NULL,1,NULL,NULL,0,NULL);
INSERT INTO "outbox" VALUES('47e0e3dc0fe703293dca','run','train',139,NULL,0,NULL,NULL,1,NULL,NULL,0,NULL);
INSERT INTO "outbox" VALUES('41736bb0adcdff45fc38','run','train',140,NULL,0,NULL,NULL,1,NULL,NULL,0,NULL);
INSERT INTO "outbox" VALUES('2489ebe3094d01c87705','run','train',149,NULL,0,NULL,NULL,1,NULL,NULL,0,NULL);
INSERT INTO "outbox" VALUES('5969830944cfb86c3646','run','train',150,NULL,0,NULL,NULL,1,NULL,NULL,0,NULL);
INSERT INTO "outbox" VALUES('1c531d1b4e9dc1b43bf9','run','train',120,NULL,0,NULL,NULL,1,NULL,NULL,0,NULL);
CREATE TABLE row (
    uid TEXT PRIMARY KEY, kind TEXT NOT NULL, step INTEGER NOT NULL, body TEXT NOT NULL, created_at REAL NOT NULL);
INSERT INTO "row" VALUES('8b72bed124e97e4e3d76','eval',10,X'789C4D8EDD0A83300C855F45723DFCDFDCF62A2292AE410AD596B66E8AF8EE8B05C7EE72CEF9929C0DDEA867F2F04C36080ED5940DDA08D4BD0F64D92DF24B02C450362BC91AEEA22905C9A2ACE9D1504D956C6E7032969CD5B4A8B0325AA5F5E97B1CD93FBE94E9EFA05FA7804BCFA392BCD13B0CC4449E5E7746020A4DB1D6CBE8799C8EE516622B4EAD33A30DD0F1E8CC27666DAC6A71A0243F823F5D40D7EDFB17738F48F0',1700000005.0);
INSERT INTO "row" VALUES('2dad80f37efd5e9f86e9','train',9,'{"values": {"train/global_step": 9, "train/perplexity": 2.718281828459045, "train/uid": "2dad80f37efd5e9f86e9"}, "table": null}',1700000008.0);
INSERT INTO "row" VALUES('0be8032bd83ef3b0b395','train',10,'{"values": {"train/global_step": 10, "train/perplexity": 1.6487212707001282, "train/uid": "0be8032bd83ef3b0b395"}, "table": null}',1700000008.0);
INSERT INTO "row" VALUES('9286db4774fdcaff5eed','eval',20,X'789C4D8EEB0A83300C855F45F27BA8F3B2DBAB8848B4510AD596B66E8AF8EE8B05C7FEE59CF325391BBC51CDE4E0156DE02DCA2919946E5135CE9361374B2F111043C92C056B78668F9B688BFBBDE845877D5F1209381943D6285AA45F19CDE3FCF41D8EEC1F5FB2F877D0AD93C7A5E1510ADE682C7A62228DCB9D118FADA250ABD36A1EA763B982D08A5363F5683CD43C5AFD095915AA1A1C284A8FE04F5FA1AEF7FD0BD48E4988',1700000016.0);
INSERT INTO "row" VALUES('36bd2bb486b5cecd83e5','train',19,'{"values": {"train/global_step": 19, "train/perplexity": 2.718281828459045, "train/uid": "36bd2bb486b5cecd83e5"}, "table": null}',1700000020.0);
INSERT INTO "row" VALUES('b83ca9f7bc62efef3710','train',20,'{"values": {"train/global_step": 20, "train/perplexity": 1.6487212707001282, "train/uid": "b83ca9f7bc62efef3710"}, "table": null}',1700000020.0);
INSERT INTO "row" VALUES('f3367bb592f8624d8ba9','eval',30,X'789C4D4E4B0A833010BD8ACCBAA88DD5DA5E454426354A209A90C45611EFDE49C0D2DDFBCEBC1DDEA816E1E099ECE02DCA391B95E6A83AE78521B5C82F09080A658BEC89C35014D59DF3F2C186BA62B7BEE6F880336384354AACD26FA19AB2537738911EBEB0F477D06DB3C7B523287B6A7416BDA0449E9607453C7225E2AC9756CB348772037115B9C6EAC97868095AFD895E13A71A1C459207E38F5FA16D8FE30B53BF48C7',1700000027.0);
INSERT INTO "row" VALUES('41328b2f622df67bcb1f','train',29,'{"values": {"train/global_step": 29, "train/perplexity": 2.718281828459045, "train/uid": "41328b2f622df67bcb1f"}, "table": null}',1700000032.0);
INSERT INTO "row" VALUES('0b2d05cbbbaff80b9501','train',30,'{"values": {"train/global_step": 30, "train/perplexity": 1.6487212707001282, "train/uid": "0b2d05cbbbaff80b9501"}, "table": null}',1700000032.0);
INSERT INTO "row" VALUES('01aca4fa079ffcd9c6eb','eval',10,X'789C4D8EE10A83300C845F45F27B68DDDC867B151189354AA1DAD2D64D11DF7DB1E0D8BFDCDD97E43678A39EC9C32BD9203854533668D3A26E7C20CB6E2E2E091043D9AC3AD620729458F4289E65DFCBAE940F6AE1642C39AB69516165F49616A7EF7164FFF8724D7F07FD3A055C1A1E55C71B8DC3404C88F4BE3312B0D5146B49A3E7713A962B88AD38B5CE8C3640CDA3339F9855B1AAC5811271047F3A87BADEF72FEA3649A1',1700000083.0);
INSERT INTO "row" VALUES('f7fd28040f56ed4f1120','train',39,'{"values": {"train/global_step": 39, "train/perplexity": 2.718281828459045, "train/uid": "f7fd28040f56ed4f1120"}, "table": null}',1700000090.0);
INSERT INTO "row" VALUES('641481334c6db0a5c3f2','train',40,'{"values": {"train/global_step": 40, "train/perplexity": 1.6487212707001282, "train/uid": "641481334c6db0a5c3f2"}, "table": null}',1700000090.0);
INSERT INTO "row" VALUES('5012571e7f763f5800f4','train',49,'{"values": {"train/global_step": 49, "train/perplexity": 2.718281828459045, "train/uid": "5012571e7f763f5800f4"}, "table": null}',1700000090.0);
INSERT INTO "row" VALUES('688214b8ff97c073539c','train',50,'{"values": {"train/global_step": 50, "train/perplexity": 1.6487212707001282, "train/uid": "688214b8ff97c073539c"}, "table": null}',1700000090.0);
INSERT INTO "row" VALUES('a19d0ad366f554b0f5f4','train',59,'{"values": {"train/global_step": 59, "train/perplexity": 2.718281828459045, "train/uid": "a19d0ad366f554b0f5f4"}, "table": null}',1700000090.0);
INSERT INTO "row" VALUES('734faecefae885bc30b5','train',60,'{"values": {"train/global_step": 60, "train/perplexity": 1.6487212707001282, "train/uid": "734faecefae885bc30b5"}, "table": null}',1700000090.0);
INSERT INTO "row" VALUES('1a6091fc07eec2104c3b','train',69,'{"values": {"train/global_step": 69, "train/perplexity": 2.718281828459045, "train/uid": "1a6091fc07eec2104c3b"}, "table": null}',1700000090.0);
INSERT INTO "row" VALUES('8188ae41a251a8982450','train',70,'{"values": {"train/global_step": 70, "train/perplexity": 1.6487212707001282, "train/uid": "8188ae41a251a8982450"}, "table": null}',1700000090.0);
INSERT INTO "row" VALUES('5a0c0c4f0d67da79baae','train',79,'{"values": {"train/global_step": 79, "train/perplexity": 2.718281828459045, "train/uid": "5a0c0c4f0d67da79baae"}, "table": null}',1700000090.0);
INSERT INTO "row" VALUES('0050d4a59f2c1cdd5c2e','train',80,'{"values": {"train/global_step": 80, "train/perplexity": 1.6487212707001282, "train/uid": "0050d4a59f2c1cdd5c2e"}, "table": null}',1700000090.0);
INSERT INTO "row" VALUES('21abc105643cd95a07f1','train',109,'{"values": {"train/global_step": 109, "train/perplexity": 2.718281828459045, "train/uid": "21abc105643cd95a07f1"}, "table": null}',1700000090.0);
INSERT INTO "row" VALUES('d5fdb560b5ab6a22c2b9','train',110,'{"values": {"train/global_step": 110, "train/perplexity": 1.6487212707001282, "train/uid": "d5fdb560b5ab6a22c2b9"}, "table": null}',1700000090.0);
INSERT INTO "row" VALUES('32c17b0ea7ce38f7cf2b','train',299,'{"values": {"train/global_step": 299, "train/perplexity": 2.718281828459045, "train/uid": "32c17b0ea7ce38f7cf2b"}, "table": null}',1700000090.0);
INSERT INTO "row" VALUES('5356987aa7156b7bcb42','train',300,'{"values": {"train/global_step": 300, "train/perplexity": 1.6487212707001282, "train/uid": "5356987aa7156b7bcb42"}, "table": null}',1700000090.0);
INSERT INTO "row" VALUES('47e0e3dc0fe703293dca','train',139,'{"values": {"train/global_step": 139, "train/perplexity": 2.718281828459045, "train/uid": "47e0e3dc0fe703293dca"}, "table": null}',1700000090.0);
INSERT INTO "row" VALUES('41736bb0adcdff45fc38','train',140,'{"values": {"train/global_step": 140, "train/perplexity": 1.6487212707001282, "train/uid": "41736bb0adcdff45fc38"}, "table": null}',1700000090.0);
INSERT INTO "row" VALUES('2489ebe3094d01c87705','train',149,'{"values": {"train/global_step": 149, "train/perplexity": 2.718281828459045, "train/uid": "2489ebe3094d01c87705"}, "table": null}',1700000090.0);
INSERT INTO "row" VALUES('5969830944cfb86c3646','train',150,'{"values": {"train/global_step": 150, "train/perplexity": 1.6487212707001282, "train/uid": "5969830944cfb86c3646"}, "table": null}',1700000090.0);
INSERT INTO "row" VALUES('1c531d1b4e9dc1b43bf9','train',120,'{"values": {"train/global_step": 120, "train/perplexity": 1.2840254166877414, "train/uid": "1c531d1b4e9dc1b43bf9"}, "table": null}',1700000090.0);
INSERT INTO "row" VALUES('44bcdf528d401ebd252f','followup',10,'{"values": {"eval/render/blank_rate": 0.25, "train/global_step": 10, "followup/uid": "44bcdf528d401ebd252f", "followup/evaluation": "8b72bed124e97e4e3d76"}, "table": null}',1700100213.0);
CREATE TABLE seal (name TEXT PRIMARY KEY, total INTEGER NOT NULL);
INSERT INTO "seal" VALUES('answers',9214561101);
INSERT INTO "seal" VALUES('checkpoint',32864365475);
INSERT INTO "seal" VALUES('delivery',16301082347);
INSERT INTO "seal" VALUES('episode',4229803009);
INSERT INTO "seal" VALUES('evaluation',8510759515);
INSERT INTO "seal" VALUES('failure',3064805110);
INSERT INTO "seal" VALUES('found',3802005555);
INSERT INTO "seal" VALUES('loss',60707666745);
INSERT INTO "seal" VALUES('meta',16622688956);
INSERT INTO "seal" VALUES('outbox',77214537135);
INSERT INTO "seal" VALUES('row',72031542764);
INSERT INTO "seal" VALUES('sighting',33243388);
INSERT INTO "seal" VALUES('suite',4602342047);
INSERT INTO "seal" VALUES('summary',4367667149);
INSERT INTO "seal" VALUES('followup',14635231904);
INSERT INTO "seal" VALUES('sqlite_master',86719598590);
INSERT INTO "seal" VALUES('user_version',8);
CREATE TABLE sighting (
    name TEXT PRIMARY KEY, step INTEGER NOT NULL, mark TEXT NOT NULL, written REAL NOT NULL, training TEXT NOT NULL,
    first INTEGER NOT NULL, last INTEGER NOT NULL);
INSERT INTO "sighting" VALUES('checkpoint-20',20,'mark',1600000000.0,'training',1,20);
CREATE TABLE suite (request TEXT PRIMARY KEY, digest TEXT NOT NULL, body TEXT NOT NULL);
INSERT INTO "suite" VALUES('request0123456789','c05a8bb21fcf7d88','{"context": 128, "dtype": "auto", "engine_args": "--kv-cache-dtype fp8", "prompts": [{"id": "0", "reference_chars": 4, "reference_ids": [7, 8, 2], "text": "page 0", "token_ids": [1, 5]}, {"id": "1", "reference_chars": 4, "reference_ids": [7, 8, 2], "text": "page 1", "token_ids": [1, 6]}, {"id": "2", "prefix_ids": [1, 4], "reference_chars": 4, "reference_ids": [7, 8, 2], "sampled": false, "text": "page 2", "token_ids": [1, 7]}], "sampling": {"max_tokens": 64, "n": 1, "seed": 0, "temperature": 0.7, "top_p": 1.0}, "scorer_version": "4", "skipped": 1, "stop_ids": [2, 3], "template_digest": "template", "tokenizer": {"template": "template", "vocabulary": "vocabulary"}}');
INSERT INTO "suite" VALUES('request0123456780','5568fbeb1f434bac','{"context": 128, "dtype": "auto", "engine_args": "--kv-cache-dtype fp8", "prompts": [{"id": "0", "reference_chars": 4, "reference_ids": [7, 8, 2], "text": "page 0", "token_ids": [1, 5]}, {"id": "1", "reference_chars": 4, "reference_ids": [7, 8, 2], "text": "page 1", "token_ids": [1, 6]}, {"id": "2", "prefix_ids": [1, 4], "reference_chars": 4, "reference_ids": [7, 8, 2], "sampled": false, "text": "page 2", "token_ids": [1, 7]}], "sampling": {"max_tokens": 64, "n": 1, "seed": 0, "temperature": 0.7, "top_p": 1.0}, "scorer_version": "another", "skipped": 1, "stop_ids": [2, 3], "template_digest": "template", "tokenizer": {"template": "template", "vocabulary": "vocabulary"}}');
CREATE TABLE summary (uid TEXT PRIMARY KEY, version TEXT NOT NULL, body BLOB NOT NULL);
INSERT INTO "summary" VALUES('8b72bed124e97e4e3d76','1; scorers 4',X'789C758B4D0AC2301046BBF61461D6A526C156EBC6839452421D6C21E984FC0822DED9239818B77E8B6166DEFB9E601D191B3C9CD9001C6A0602C6342986990C96FF5DE9F59A595932D74476DD6E19E7D3A0F2D1157D004CDE7E264D6EC22D38B28F54164D7B3AF49D6C393F4A21DAAE6632557FF61251A3F7935F94C364F386673EBE76D537EF4BF5271F036831F2');
INSERT INTO "summary" VALUES('9286db4774fdcaff5eed','1; scorers 4',X'789C758B4D0AC2301046BBF61461D6A526C156EBC6839452421D6C21E984FC0822DED9239818B77E8B6166DEFB9E601D191B3C9CD9001C6A0602C6342986990C96FF5DE9F59A595932D74476DD6E19E7D3A0F2D1157D004CDE7E264D6EC22D38B28F54164D7B3AF49D6C393F4A21DAAE6632557FF61251A3F7935F94C364F386673EBE76D537EF4BF5271F036831F2');
INSERT INTO "summary" VALUES('f3367bb592f8624d8ba9','1; scorers 4',X'789C758B4D0AC2301046BBF61461D6A526C156EBC6839452421D6C21E984FC0822DED9239818B77E8B6166DEFB9E601D191B3C9CD9001C6A0602C6342986990C96FF5DE9F59A595932D74476DD6E19E7D3A0F2D1157D004CDE7E264D6EC22D38B28F54164D7B3AF49D6C393F4A21DAAE6632557FF61251A3F7935F94C364F386673EBE76D537EF4BF5271F036831F2');
CREATE INDEX checkpoint_name ON checkpoint (name, id);
CREATE INDEX checkpoint_state ON checkpoint (state, step);
CREATE INDEX evaluation_checkpoint ON evaluation (checkpoint);
CREATE INDEX outbox_due ON outbox (target, published_at, kind, step);
CREATE INDEX checkpoint_final ON checkpoint (seen_at) WHERE final;
CREATE INDEX followup_open ON followup (state, not_before);
COMMIT;
