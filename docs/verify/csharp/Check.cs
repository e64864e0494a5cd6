using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Text;

/// <summary>
/// mcs -out:check.exe Verify.cs Check.cs, then mono check.exe VECTORS.tsv: runs Verify over the vectors; exit
/// code 1 when a verdict differs.
/// </summary>
public static class Check
{
    private const int FirstHeader = 5;

    public static int Main(string[] arguments)
    {
        string[] lines = File.ReadAllLines(arguments[0]);
        string[] columns = lines[0].Split('\t');
        int code = 0;
        for (int line = 1; line < lines.Length; line++)
        {
            string[] fields = lines[line].Split('\t');
            var headers = new Dictionary<string, string>();
            for (int i = FirstHeader; i < columns.Length; i++)
            {
                if (fields[i] != "-") headers[columns[i]] = Encoding.UTF8.GetString(Convert.FromBase64String(fields[i]));
            }
            long now = long.Parse(fields[2], CultureInfo.InvariantCulture);
            bool good = Webhook.Verify(fields[3], headers, Convert.FromBase64String(fields[4]), now);
            string got = good ? "accept" : "refuse";
            if (got != fields[1])
            {
                Console.Error.WriteLine(fields[0] + ": should " + fields[1] + ", but " + got);
                code = 1;
            }
        }
        Console.WriteLine((lines.Length - 1) + " vectors");
        return code;
    }
}
