<?php

// php check.php VECTORS.json: runs verify.php over the vectors; exit code 1 when a verdict differs.

declare(strict_types=1);

require __DIR__ . '/verify.php';

$file = json_decode(file_get_contents($argv[1]), true, 16, JSON_THROW_ON_ERROR);
$differ = false;
foreach ($file['vectors'] as $vector) {
    $body = base64_decode($vector['body'], true);
    $good = verify($vector['secret'], $vector['headers'], $body, $vector['now']);
    $got = $good ? 'accept' : 'refuse';
    if ($got !== $vector['verdict']) {
        fwrite(STDERR, "{$vector['name']}: should {$vector['verdict']}, but $got\n");
        $differ = true;
    }
}
echo count($file['vectors']), " vectors\n";
exit($differ ? 1 : 0);
